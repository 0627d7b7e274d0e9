/** How a kernel's text writes numbers of half precision. */
export interface Half {
  /** WGSL type of four. */
  vec4: string;
  /** The nearest numbers of half precision, of an f32 expression within their range. */
  rounded(expression: string): string;
}

/** WGSL's f16, of devices with the feature shader-f16. */
export const NATIVE_HALF: Half = { vec4: 'vec4<f16>', rounded: (expression) => `vec4<f16>(${expression})` };

/** The same numbers in f32, on any device. For tests: it saves nothing. */
export const EMULATED_HALF: Half = { vec4: 'vec4f', rounded: (expression) => `quantizeToF16(${expression})` };

/** f32 to half precision, held within its largest number. */
export const toHalf = (half: Half, expression: string): string => half.rounded(`clamp(${expression}, vec4f(-65504.0), vec4f(65504.0))`);
