import { createRoot } from 'react-dom/client';
import { App } from './components/App.tsx';

const root = document.getElementById('root');
if (!root) throw new Error('expected an element with the id root in the page');
createRoot(root).render(<App />);
