export const VERTEX_SHADER = /* glsl */ `#version 300 es
layout(location=0) in vec3 position;
layout(location=1) in vec3 normal;
layout(location=2) in vec2 uv;
uniform mat4 viewProjection;
out vec3 vPosition, vNormal;
out vec2 vUv;
void main() {
  vPosition = position;
  vNormal = normal;
  vUv = uv;
  gl_Position = viewProjection * vec4(position, 1.0);
}`;

/**
 * Hemisphere light, three directional lights with Blinn highlights, both sides lit. Depth as two bytes over -1..1.
 * A gamma of 2, which costs no power functions, stands for sRGB: most of this runs on CPUs.
 */
export const FRAGMENT_SHADER = /* glsl */ `#version 300 es
precision highp float;
in vec3 vPosition, vNormal;
in vec2 vUv;
layout(location=0) out vec4 outColour;
layout(location=1) out vec4 outDepth;
uniform vec3 eye, forward, sky, ground, diffuse, lightDirection[3], lightColour[3];
uniform float centreDepth, gloss;
uniform bool textured, fromBehind;
uniform sampler2D image;
void main() {
  vec4 texel = textured ? texture(image, vUv) : vec4(1.0);
  if (texel.a < 0.5) discard;
  vec3 albedo = clamp(texel.rgb * diffuse, 0.0, 1.0);
  albedo *= albedo;
  vec3 toEye = normalize(eye - vPosition);
  vec3 n = length(vNormal) > 0.0 ? normalize(vNormal) : toEye;
  if (dot(n, toEye) < 0.0) n = -n;
  if (fromBehind) { n = -n; toEye = -toEye; }
  vec3 light = mix(ground, sky, 0.5 + 0.5 * n.y), shine = vec3(0.0);
  for (int i = 0; i < 3; i++) {
    light += lightColour[i] * max(dot(n, lightDirection[i]), 0.0);
    if (gloss > 0.0) shine += lightColour[i] * pow(max(dot(n, normalize(lightDirection[i] + toEye)), 0.0), 40.0);
  }
  outColour = vec4(sqrt(clamp(albedo * light + gloss * shine, 0.0, 1.0)), 1.0);
  float d = floor(clamp((dot(vPosition - eye, forward) - centreDepth + 1.0) * 0.5, 0.0, 1.0) * 65535.0);
  outDepth = vec4(floor(d / 256.0) / 255.0, mod(d, 256.0) / 255.0, 0.0, 1.0);
}`;
