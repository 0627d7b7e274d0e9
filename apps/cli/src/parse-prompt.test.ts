import { OptionError } from '@gestalt3d/core';
import { describe, expect, it } from 'vitest';
import { parseBox, parsePoint } from './parse-prompt.ts';

describe('parsePoint', () => {
  it.each([
    ['312,240', { x: 312, y: 240, positive: true }],
    ['312,240,-', { x: 312, y: 240, positive: false }],
    [' 1.5 , 2 , + ', { x: 1.5, y: 2, positive: true }],
  ])('%s', (text, point) => expect(parsePoint(text)).toEqual(point));

  it.each(['', '1', '1,', ',1', '1,2,x', '1,2,-,3', 'a,b', 'Infinity,1'])('refuses "%s"', (text) =>
    expect(() => parsePoint(text)).toThrow(OptionError));
});

describe('parseBox', () => {
  it('takes any two opposite corners', () => expect(parseBox('30,40,10,20')).toEqual({ x0: 10, y0: 20, x1: 30, y1: 40 }));
  it.each(['', '1,2,3', '1,2,1,9', '1,2,3,4,5', 'a,b,c,d', '1,,3,4'])('refuses "%s"', (text) =>
    expect(() => parseBox(text)).toThrow(OptionError));
});
