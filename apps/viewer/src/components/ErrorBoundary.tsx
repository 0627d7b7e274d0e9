import { Component, type ReactNode } from 'react';

interface Props {
  children: ReactNode;
  onError(reason: string): void;
}

/** Turns a failed chunk or renderer into a sentence for its parent to show. */
export class ErrorBoundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidCatch(error: unknown): void {
    this.props.onError(error instanceof Error ? error.message : String(error));
  }

  override render(): ReactNode {
    return this.state.failed ? null : this.props.children;
  }
}
