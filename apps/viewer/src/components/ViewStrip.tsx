import { VIEW_STEP_DEG } from '../lib/cameras.ts';
import type { Picture } from '../state/selectors.ts';

interface Props {
  views: readonly Picture[];
  onView(index: number): void;
}

/** The views that the mesh was made from; a click turns the mesh to the same side. */
export function ViewStrip({ views, onView }: Props) {
  return (
    <section className="strip" aria-label="The views behind the mesh">
      {views.map((view) => (
        <button
          key={view.index}
          type="button"
          className="strip-view"
          onClick={() => onView(view.index)}
          title={`${Math.round(view.index * VIEW_STEP_DEG)}°`}
          aria-label={`Turn the mesh to view ${view.index + 1}`}
          data-testid={`view-${view.index}`}
        >
          {view.url !== null && <img src={view.url} alt="" loading="lazy" />}
        </button>
      ))}
    </section>
  );
}
