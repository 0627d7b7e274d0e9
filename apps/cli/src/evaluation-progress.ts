import type { EvaluationEvents } from '@gestalt3d/evaluation';

/** Draws an evaluation for a person: a moving line on a terminal, a line a sample in a log. */
export function createEvaluationProgress(stream: NodeJS.WriteStream): EvaluationEvents & { end(): void } {
  const startedAt = performance.now();
  let drawn = 0;
  let sample = '';
  const replace = (text: string): void => {
    if (!stream.isTTY) return;
    stream.write(`\r${text}${' '.repeat(Math.max(0, drawn - text.length))}`);
    drawn = text.length;
  };
  const end = (): void => {
    replace('');
    if (stream.isTTY) stream.write('\r');
    drawn = 0;
  };
  return {
    onSample(index, count, { id }) {
      const passed = (performance.now() - startedAt) / 1000;
      const left = index > 0 ? `, about ${Math.ceil(((passed / index) * (count - index)) / 60)} min left` : '';
      sample = `${index + 1}/${count} ${id}`;
      if (stream.isTTY) replace(`  ${sample}${left}`);
      else stream.write(`  ${sample}${left}\n`);
    },
    onVariant(variant, stage, message) {
      if (message === undefined) replace(`  ${sample}: ${variant}, ${stage}`);
      else if (message.kind === 'progress') replace(`  ${sample}: ${variant}, ${stage} ${message.done}/${message.total}`);
    },
    onSkip(what, reason) {
      end();
      stream.write(`  ! ${what} left out: ${reason}\n`);
    },
    end,
  };
}
