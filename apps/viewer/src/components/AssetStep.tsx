import { useState } from 'react';
import type { Gestalt } from '../hooks/use-gestalt.ts';
import { usePoses } from '../hooks/use-poses.ts';
import { useVerdict } from '../hooks/use-verdict.ts';
import { formatBytes, formatCount } from '../lib/format.ts';
import { artifactOf, assetOf, differs, isActive, photoUrl, viewsOf } from '../state/selectors.ts';
import { ArtifactList } from './ArtifactList.tsx';
import { CancelButton } from './CancelButton.tsx';
import { MeshViewer } from './MeshViewer.tsx';
import { OptionsPanel } from './OptionsPanel.tsx';
import { Timeline } from './Timeline.tsx';
import { VerdictPanel } from './VerdictPanel.tsx';
import { ViewRing } from './ViewRing.tsx';
import { ViewStrip } from './ViewStrip.tsx';

/** Step 4: the views arrive, the mesh follows, the asset is taken away. */
export function AssetStep({ gestalt }: { gestalt: Gestalt }) {
  const { state, dispatch, actions } = gestalt;
  const { job } = state;
  const asset = assetOf(job);
  const poses = usePoses(artifactOf(job, 'transforms.json')?.url);
  const verdict = useVerdict(asset && artifactOf(job, 'report.json')?.url);
  const [triangles, setTriangles] = useState<number | null>(null);
  const [view, setView] = useState<{ index: number } | null>(null);
  if (!job) return null;
  const active = isActive(job);
  const views = viewsOf(state);
  const photo = poses?.square ? { url: photoUrl(state) ?? '', photo: job.photo, crop: poses.square } : null;

  return (
    <div className="workspace">
      <div className="stage-column">
        {asset ? (
          <>
            <MeshViewer
              key={asset.url}
              asset={asset}
              poses={poses}
              view={view}
              photo={photo}
              sheet={artifactOf(job, 'contact-sheet.png')?.url}
              onTriangles={setTriangles}
            />
            <ViewStrip views={views} onView={(index) => setView({ index })} />
          </>
        ) : (
          <ViewRing state={state} views={views} />
        )}
      </div>
      <aside className="panel">
        <section className="panel-section">
          <h2>
            {asset
              ? 'Your object, whole'
              : active
                ? 'Making it 3-D'
                : job.state === 'cancelled'
                  ? 'Cancelled'
                  : job.state === 'failed'
                    ? 'That did not work'
                    : 'Not finished'}
          </h2>
          {asset ? (
            <dl className="facts">
              <div>
                <dt>Triangles</dt>
                <dd data-testid="triangles">{triangles === null ? '–' : formatCount(triangles)}</dd>
              </div>
              <div>
                <dt>File size</dt>
                <dd>{formatBytes(asset.sizeBytes)}</dd>
              </div>
              {poses && (
                <div>
                  <dt>Photo taken from</dt>
                  <dd>{Math.round(poses.photo.elevationDeg)}° above</dd>
                </div>
              )}
            </dl>
          ) : (
            <p>
              {active
                ? 'Sixteen views are drawn together so that they agree, then one surface is fitted to all of them.'
                : 'Finished stages are kept. Going on starts where it stopped.'}
            </p>
          )}
        </section>
        {asset && verdict && <VerdictPanel verdict={verdict} />}
        <section className="panel-section actions">
          {asset && (
            <a className="button primary" href={asset.url} download={downloadName(job.photo.name)} data-testid="download-glb">
              Download GLB
            </a>
          )}
          {!asset && !active && (
            <button
              type="button"
              className="button primary"
              disabled={state.busy !== null}
              onClick={() => actions.runAll()}
              data-testid="resume"
            >
              {job.state === 'failed' ? 'Try again' : 'Go on'}
            </button>
          )}
          <CancelButton gestalt={gestalt} />
        </section>
        {!active && (
          <OptionsPanel
            options={state.options}
            disabled={false}
            only="asset"
            onChange={(options) => dispatch({ type: 'options', options })}
          >
            {asset && (
              <button
                type="button"
                className="button"
                disabled={!differs(job, state.options) || state.busy !== null}
                onClick={() => actions.runAll()}
                data-testid="remake"
              >
                Make again with these
              </button>
            )}
          </OptionsPanel>
        )}
        <section className="panel-section">
          <Timeline state={state} />
        </section>
        <ArtifactList artifacts={job.artifacts} />
      </aside>
    </div>
  );
}

const downloadName = (photo: string): string => `${photo.replace(/\.[^.]*$/, '') || 'asset'}.glb`;
