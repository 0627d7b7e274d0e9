import type { RgbImage } from '@gestalt3d/core';

/** Glyphs of ASCII 32..126, five columns each, two hex digits a column, lowest bit on top; rows 0..6, descenders reach row 7. */
const COLUMNS =
  '0000000000 00005f0000 0007000700 147f147f14 242a7f2a12 2313086462 3649552250 0005030000 001c224100 0041221c00 14083e0814 08083e0808 0050300000 0808080808 0060600000 2010080402 ' +
  '3e5149453e 00427f4000 4261514946 2141454b31 1814127f10 2745454539 3c4a494930 0171090503 3649494936 064949291e 0036360000 0056360000 0814224100 1414141414 0041221408 0201510906 ' +
  '324979413e 7e1111117e 7f49494936 3e41414122 7f4141221c 7f49494941 7f09090901 3e4149497a 7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f020c027f 7f0408107f 3e4141413e ' +
  '7f09090906 3e4151215e 7f09192946 4649494931 01017f0101 3f4040403f 1f2040201f 3f4038403f 6314081463 0708700807 6151494543 007f414100 0204081020 0041417f00 0402010204 4040404040 ' +
  '0001020400 2054545478 7f48444438 3844444420 384444487f 3854545418 087e090102 18a4a4a47c 7f08040478 00447d4000 4080847d00 7f10284400 00417f4000 7c04180478 7c08040478 3844444438 ' +
  'fc24242418 18242424fc 7c08040408 4854545420 043f444020 3c4040207c 1c2040201c 3c4030403c 4428102844 1ca0a0a07c 4464544c44 0008364100 00007f0000 0041360800 0804081008';

const GLYPHS = COLUMNS.trim()
  .split(/\s+/)
  .map((glyph) => [0, 2, 4, 6, 8].map((at) => Number.parseInt(glyph.slice(at, at + 2), 16)));

/** Width of a line in pixels. */
export function textWidth(text: string, scale = 1): number {
  return Math.max(0, text.length * 6 - 1) * scale;
}

/** Height of a line in pixels. */
export function textHeight(scale = 1): number {
  return 8 * scale;
}

/** Draws one line with its top left at (x, y); characters beyond ASCII become '?'. Clipped at the image. */
export function drawText(image: RgbImage, text: string, x: number, y: number, color: readonly [number, number, number], scale = 1): void {
  [...text].forEach((char, position) => {
    const code = char.codePointAt(0) ?? 63;
    const glyph = GLYPHS[code >= 32 && code <= 126 ? code - 32 : 31];
    glyph.forEach((column, i) => {
      for (let j = 0; j < 8; j++) {
        if (((column >> j) & 1) === 0) continue;
        for (let dy = 0; dy < scale; dy++)
          for (let dx = 0; dx < scale; dx++) {
            const px = x + (position * 6 + i) * scale + dx;
            const py = y + j * scale + dy;
            if (px < 0 || py < 0 || px >= image.width || py >= image.height) continue;
            image.data.set(color, (py * image.width + px) * 3);
          }
      }
    });
  });
}
