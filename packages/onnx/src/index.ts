export * from './backend.ts';
export * from './bundle.ts';
export * from './checkpoint/index.ts';
export * from './graph/index.ts';
export * from './manifest.ts';
export * from './session.ts';
