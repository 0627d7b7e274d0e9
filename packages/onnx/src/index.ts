export * from './backend.ts';
export * from './bundle.ts';
export * from './manifest.ts';
export * from './session.ts';
