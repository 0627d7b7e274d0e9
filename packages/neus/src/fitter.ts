import type { FitProblem } from './problem.ts';

/** Sums over the rays of the steps since the last report. */
export interface FitReport {
  /** Steps done so far. */
  step: number;
  /** Rays that the sums run over. */
  rays: number;
  /** Samples whose SDF was evaluated. */
  samples: number;
  /** Samples with a colour, and rows of the SDF network with a gradient (eikonal taps among them); 0 where not counted. */
  coloredSamples: number;
  gradientRows: number;
  colorLoss: number;
  maskLoss: number;
  eikonalLoss: number;
  /** Squared colour error summed over the three channels, of foreground rays, and their count. */
  squaredError: number;
  foregroundRays: number;
}

/** What fits the field, on one device. Call `run` with ascending steps, then read the parameters; `dispose` always. */
export interface SurfaceFitter {
  /**
   * Advances to `untilStep` (exclusive); resolves when that is computed. An abort is seen within 100 ms; what was computed is worth
   * nothing then, and only `dispose` may follow. @throws the signal's reason
   */
  run(untilStep: number, signal?: AbortSignal): Promise<FitReport>;
  /** The parameter array itself where it lies in this process's memory, for a quick look between two runs; undefined on a GPU. */
  peek(): Float32Array | undefined;
  /** The parameter array (README: "Parameters"). A copy. */
  parameters(): Promise<Float32Array>;
  dispose(): void;
}

/** Makes a fitter for a problem. @throws DeviceLostError, ShaderCompileError */
export type FitterFactory = (problem: FitProblem) => Promise<SurfaceFitter>;
