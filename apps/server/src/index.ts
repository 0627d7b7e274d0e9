export { type AppOptions, createApp } from './create-app.ts';
export type { Artifact, JobDocument, JobState, StageStatus } from './job.ts';
export { JobManager } from './job-manager.ts';
export type { Problem } from './problem.ts';
export { type RunningServer, type ServerOptions, startServer } from './start-server.ts';
