import type { Sample } from '../api/types.ts';
import type { Gestalt } from '../hooks/use-gestalt.ts';
import { Dropzone } from './Dropzone.tsx';
import { SampleCard } from './SampleCard.tsx';

interface Props {
  gestalt: Gestalt;
  samples: Sample[] | null;
}

/** Step 1: a photograph, the user's or one of ours. */
export function PhotoStep({ gestalt, samples }: Props) {
  const { state, actions } = gestalt;
  const busy = state.busy === 'upload';
  return (
    <>
      <section className="hero">
        <h1>The whole object, from a photo that hides part of it</h1>
        <p className="lead">
          Point at something partly covered. Gestalt3D imagines the rest, looks at it from all around and gives you a textured 3-D model.
        </p>
      </section>
      <Dropzone busy={busy} onPhoto={actions.usePhoto} />
      <section className="samples" aria-labelledby="samples-title">
        <h2 id="samples-title">Or try one of these</h2>
        {samples && samples.length > 0 ? (
          <ul className="sample-grid">
            {samples.map((sample) => (
              <li key={sample.id}>
                <SampleCard sample={sample} disabled={busy} onChoose={actions.useSample} />
              </li>
            ))}
          </ul>
        ) : (
          <p className="quiet">{samples ? 'This server has no sample photos.' : 'Loading the samples…'}</p>
        )}
      </section>
    </>
  );
}
