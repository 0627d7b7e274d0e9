import type { Artifact } from '../api/types.ts';
import { formatBytes } from '../lib/format.ts';

const FIRST = ['asset.glb', 'contact-sheet.png', 'transforms.json', 'report.json', 'run.json', 'mask.png'];
const rank = (name: string): number => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);

/** Every file of the run, the ones worth a look first. */
export function ArtifactList({ artifacts }: { artifacts: readonly Artifact[] }) {
  if (artifacts.length === 0) return null;
  const sorted = [...artifacts].sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name));
  return (
    <details className="panel-section files">
      <summary>
        All files <span className="quiet">{artifacts.length}</span>
      </summary>
      <ul>
        {sorted.map((artifact) => (
          <li key={artifact.name}>
            <a href={artifact.url} target="_blank" rel="noreferrer">
              {artifact.name}
            </a>
            <span className="quiet">{formatBytes(artifact.sizeBytes)}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
