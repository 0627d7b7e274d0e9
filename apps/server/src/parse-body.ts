import { type Box, OptionError, type Prompt, PromptMissingError, STAGE_NAMES, type StageName } from '@gestalt3d/core';

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** JSON of a multipart text field. @throws OptionError */
export function parseJsonField(name: string, text: unknown): unknown {
  if (text === undefined || text === '') return undefined;
  try {
    return JSON.parse(String(text));
  } catch {
    throw new OptionError(name, 'JSON', String(text).slice(0, 60));
  }
}

/** @throws OptionError, PromptMissingError */
export function parsePrompt(value: unknown): Prompt {
  if (!isRecord(value)) throw new OptionError('prompt', '{ points: [{ x, y, positive }], box? }', JSON.stringify(value) ?? 'nothing');
  const points = value.points ?? [];
  if (!Array.isArray(points)) throw new OptionError('prompt.points', 'a list', JSON.stringify(points));
  const prompt: Prompt = {
    points: points.map((point: unknown) => {
      if (!isRecord(point) || !isNumber(point.x) || !isNumber(point.y) || typeof (point.positive ?? true) !== 'boolean')
        throw new OptionError('prompt.points', '{ x, y, positive } in pixels', JSON.stringify(point));
      return { x: point.x, y: point.y, positive: point.positive !== false };
    }),
  };
  const { box } = value;
  if (box !== undefined && box !== null) {
    const corners = ['x0', 'y0', 'x1', 'y1'] as const;
    if (!isRecord(box) || !corners.every((corner) => isNumber(box[corner])))
      throw new OptionError('prompt.box', '{ x0, y0, x1, y1 } in pixels', JSON.stringify(box));
    prompt.box = Object.fromEntries(corners.map((corner) => [corner, box[corner]])) as unknown as Box;
  }
  if (!prompt.box && !prompt.points.some((point) => point.positive)) throw new PromptMissingError();
  return prompt;
}

/** @throws OptionError */
export function parseOptions(value: unknown): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) throw new OptionError('options', 'an object', JSON.stringify(value));
  return value;
}

/** @throws OptionError */
export function parseStage(name: string, value: unknown): StageName | undefined {
  if (value === undefined || value === null) return undefined;
  const stage = STAGE_NAMES.find((candidate) => candidate === value);
  if (!stage) throw new OptionError(name, STAGE_NAMES.join(', '), JSON.stringify(value));
  return stage;
}
