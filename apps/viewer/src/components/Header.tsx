import { Logo } from './Logo.tsx';

interface Props {
  onHome(): void;
  onHistory(): void;
}

export function Header({ onHome, onHistory }: Props) {
  return (
    <header className="header">
      <button type="button" className="brand" onClick={onHome} aria-label="Gestalt3D, start over">
        <Logo />
        <span className="brand-name">Gestalt3D</span>
      </button>
      <nav className="header-actions" aria-label="Page">
        <button type="button" className="button ghost" onClick={onHome} data-testid="new-job">
          New
        </button>
        <button type="button" className="button ghost" onClick={onHistory} data-testid="history">
          History
        </button>
      </nav>
    </header>
  );
}
