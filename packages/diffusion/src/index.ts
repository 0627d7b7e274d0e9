export * from './ddim.ts';
export * from './guidance.ts';
export * from './multistep.ts';
export * from './sample.ts';
export * from './sampler.ts';
export * from './schedule.ts';
