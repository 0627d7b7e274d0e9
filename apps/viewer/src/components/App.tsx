import { useEffect, useMemo, useState } from 'react';
import { api } from '../api/client.ts';
import { useGestalt } from '../hooks/use-gestalt.ts';
import { usePastedPhoto } from '../hooks/use-pasted-photo.ts';
import { useRemote } from '../hooks/use-remote.ts';
import { overallShare } from '../state/selectors.ts';
import { AssetStep } from './AssetStep.tsx';
import { Banner } from './Banner.tsx';
import { CompletionsStep } from './CompletionsStep.tsx';
import { Header } from './Header.tsx';
import { HistoryDrawer } from './HistoryDrawer.tsx';
import { PhotoStep } from './PhotoStep.tsx';
import { PromptStep } from './PromptStep.tsx';
import { StepRail } from './StepRail.tsx';

/** The page: four steps of one job, problems on top, earlier jobs in a drawer. */
export function App() {
  const gestalt = useGestalt();
  const { state, dispatch, actions, connection } = gestalt;
  const [historyOpen, setHistoryOpen] = useState(false);
  const samples = useRemote(api.samples);
  usePastedPhoto(actions.usePhoto);
  const offline = connection === 'lost' || samples.offline;
  const share = overallShare(state);
  useEffect(() => {
    document.title = share === null ? 'Gestalt3D' : `${Math.round(share * 100)} % · Gestalt3D`;
  }, [share]);
  const step = useMemo(() => {
    switch (state.step) {
      case 'photo':
        return <PhotoStep gestalt={gestalt} samples={samples.value} />;
      case 'prompt':
        return <PromptStep gestalt={gestalt} />;
      case 'completions':
        return <CompletionsStep gestalt={gestalt} />;
      case 'asset':
        return <AssetStep gestalt={gestalt} />;
    }
  }, [gestalt, state.step, samples.value]);

  return (
    <>
      <Header onHistory={() => setHistoryOpen(true)} onHome={actions.closeJob} />
      <StepRail state={state} onStep={(to) => dispatch({ type: 'step', step: to })} />
      <main className="page">
        {offline && <Banner kind="offline" title="Server not reachable" detail="Trying again by itself; nothing on this page is lost." />}
        {state.problem && <Banner kind="problem" {...state.problem} onDismiss={() => dispatch({ type: 'dismiss' })} />}
        {step}
      </main>
      <HistoryDrawer
        open={historyOpen}
        currentId={state.job?.id}
        onClose={() => setHistoryOpen(false)}
        onOpen={actions.openJob}
        onRemoved={actions.closeJob}
      />
    </>
  );
}
