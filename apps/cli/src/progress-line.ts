import type { StageEvent, StageName } from '@gestalt3d/core';

const LABEL: Record<StageName, string> = {
  segment: 'segment      the visible part',
  complete: 'complete     what is hidden',
  views: 'views        around the object',
  reconstruct: 'reconstruct  a surface',
  mesh: 'mesh         texture and GLB',
};

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;

/** Draws stage events for a person: a moving line on a terminal, one line a stage in a log. */
export function createProgressLine(stream: NodeJS.WriteStream): (event: StageEvent) => void {
  let startedAt = 0;
  let drawn = 0;
  const replace = (text: string): void => {
    if (!stream.isTTY) return;
    stream.write(`\r${text}${' '.repeat(Math.max(0, drawn - text.length))}`);
    drawn = text.length;
  };
  const line = (text: string): void => {
    replace('');
    stream.write(`${stream.isTTY ? '\r' : ''}${text}\n`);
    drawn = 0;
  };
  return (event) => {
    const label = LABEL[event.stage];
    switch (event.kind) {
      case 'start':
        startedAt = performance.now();
        replace(`  ${label} ...`);
        break;
      case 'progress':
        replace(`  ${label} ${event.done}/${event.total} ${event.unit}s, ${seconds(performance.now() - startedAt)}`);
        break;
      case 'info':
        line(`    ${event.message}`);
        break;
      case 'warning':
        line(`  ! ${event.message}`);
        break;
      case 'end':
        line(`  ${label.padEnd(34)} ${event.reused ? 'reused' : seconds(event.milliseconds)}`);
        break;
    }
  };
}
