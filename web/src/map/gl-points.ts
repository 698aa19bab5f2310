// Draws the points by WebGL2. The points are uploaded once; a move of the map changes only `scale` and `shift`.

export interface Frame {
  width: number; // CSS pixels
  height: number;
  ratio: number; // device pixels per CSS pixel
  /** from world coordinates (0..1) to clip space: clip = world * scale + shift */
  scale: [number, number];
  shift: [number, number];
  /** diameter of a point of size 1, in CSS pixels */
  point: number;
  alpha: number;
  ghost: boolean;
  /** every stride-th point is drawn (stride is 1 to 16); selected points are always drawn */
  stride: number;
}

/** State of a row. */
export const HIDDEN = 0;
export const GHOST = 1;
export const SHOWN = 2;
export const SELECTED = 3;

export interface Points {
  setPlaces(xy: Float32Array): void; // [n, 2] in 0..1; NaN: the point is not on the map
  setColours(rgba: Uint32Array): void;
  setSizes(sizes: Float32Array | null): void;
  setStates(states: Uint8Array): void;
  setTheme(theme: { ghost: [number, number, number]; selected: [number, number, number] }): void;
  draw(frame: Frame): void;
  destroy(): void;
}

const VERTEX = `#version 300 es
in vec2 place; in vec4 colour; in float size; in float state;
uniform vec2 scale, shift; uniform float point, want, alpha; uniform vec3 flat_colour; uniform float use_flat;
out vec4 tint; out float radius;
void main() {
  bool on = abs(state - want) < 0.5 && place.x == place.x;
  gl_Position = on ? vec4(place * scale + shift, 0, 1) : vec4(2, 2, 2, 1);
  gl_PointSize = max(1.5, point * size) + 1.0;
  radius = gl_PointSize * 0.5;
  tint = vec4(mix(colour.rgb, flat_colour, use_flat), alpha);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 tint; in float radius; out vec4 result;
uniform float ring;
void main() {
  float away = length(gl_PointCoord - 0.5) * 2.0 * radius;
  float cover = clamp(radius - away, 0.0, 1.0);
  float edge = ring > 0.0 ? clamp(away - (radius - 2.2), 0.0, 1.0) : 0.0;
  vec3 colour = mix(tint.rgb, vec3(1.0), 0.0);
  float a = cover * mix(tint.a, 1.0, edge);
  result = vec4(colour * a, a);
}`;

export class GlPoints implements Points {
  private readonly gl: WebGL2RenderingContext;
  private program!: WebGLProgram;
  private vao!: WebGLVertexArrayObject;
  private buffers: Record<'place' | 'colour' | 'size' | 'state', WebGLBuffer | null> = { place: null, colour: null, size: null, state: null };
  private kept: { xy?: Float32Array; rgba?: Uint32Array; sizes?: Float32Array | null; states?: Uint8Array } = {};
  private n = 0;
  private uniforms: Record<string, WebGLUniformLocation | null> = {};
  private theme = { ghost: [0.5, 0.5, 0.5] as [number, number, number], selected: [0.3, 0.6, 1] as [number, number, number] };
  private has = [false, false, false, false];
  private stride = 0;

  constructor(gl: WebGL2RenderingContext) {
    this.gl = gl;
    this.build();
  }

  private shader(kind: number, source: string): WebGLShader {
    const shader = this.gl.createShader(kind) as WebGLShader;
    this.gl.shaderSource(shader, source);
    this.gl.compileShader(shader);
    if (!this.gl.getShaderParameter(shader, this.gl.COMPILE_STATUS) && !this.gl.isContextLost())
      throw new Error(this.gl.getShaderInfoLog(shader) ?? 'shader');
    return shader;
  }

  /** Creates the program and the buffers. Called again after a lost WebGL context was restored. */
  build(): void {
    const gl = this.gl;
    this.program = gl.createProgram() as WebGLProgram;
    gl.attachShader(this.program, this.shader(gl.VERTEX_SHADER, VERTEX));
    gl.attachShader(this.program, this.shader(gl.FRAGMENT_SHADER, FRAGMENT));
    gl.linkProgram(this.program);
    for (const name of ['scale', 'shift', 'point', 'want', 'alpha', 'flat_colour', 'use_flat', 'ring'])
      this.uniforms[name] = gl.getUniformLocation(this.program, name);
    this.vao = gl.createVertexArray() as WebGLVertexArrayObject;
    gl.bindVertexArray(this.vao);
    for (const name of ['place', 'colour', 'size', 'state'] as const) {
      this.buffers[name] = gl.createBuffer();
      gl.enableVertexAttribArray(gl.getAttribLocation(this.program, name));
    }
    this.stride = 0;
    this.setStride(1);
    const { xy, rgba, sizes, states } = this.kept;
    if (xy) this.setPlaces(xy);
    if (rgba) this.setColours(rgba);
    if (sizes !== undefined) this.setSizes(sizes);
    if (states) this.setStates(states);
  }

  /** Makes the attributes read every stride-th point. WebGL allows a distance of at most 255 bytes between points;
   * the largest distance here is 16 times 8 bytes. */
  private setStride(stride: number): void {
    if (stride === this.stride) return;
    this.stride = stride;
    const gl = this.gl;
    const attribute = (name: 'place' | 'colour' | 'size' | 'state', count: number, type: number, bytes: number, norm: boolean): void => {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
      gl.vertexAttribPointer(gl.getAttribLocation(this.program, name), count, type, norm, bytes * stride, 0);
    };
    attribute('place', 2, gl.FLOAT, 8, false);
    attribute('colour', 4, gl.UNSIGNED_BYTE, 4, true);
    attribute('size', 1, gl.FLOAT, 4, false);
    attribute('state', 1, gl.UNSIGNED_BYTE, 1, false);
  }

  private upload(name: 'place' | 'colour' | 'size' | 'state', data: ArrayBufferView): void {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[name]);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, data as unknown as BufferSource, this.gl.DYNAMIC_DRAW);
  }

  setPlaces(xy: Float32Array): void {
    this.kept.xy = xy;
    this.n = xy.length / 2;
    this.upload('place', xy);
    if (this.kept.sizes === undefined) this.setSizes(null);
  }

  setColours(rgba: Uint32Array): void {
    this.kept.rgba = rgba;
    this.upload('colour', new Uint8Array(rgba.buffer, rgba.byteOffset, rgba.byteLength));
  }

  setSizes(sizes: Float32Array | null): void {
    this.kept.sizes = sizes;
    this.upload('size', sizes ?? new Float32Array(this.n).fill(1));
  }

  setStates(states: Uint8Array): void {
    this.kept.states = states;
    this.has = [false, false, false, false];
    for (const state of states) this.has[state] = true;
    this.upload('state', states);
  }

  setTheme(theme: { ghost: [number, number, number]; selected: [number, number, number] }): void {
    this.theme = theme;
  }

  draw(frame: Frame): void {
    const gl = this.gl;
    if (gl.isContextLost()) return;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.n) return;
    gl.useProgram(this.program);
    gl.bindVertexArray(this.vao);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const u = this.uniforms;
    gl.uniform2f(u.scale ?? null, ...frame.scale);
    gl.uniform2f(u.shift ?? null, ...frame.shift);
    const pass = (state: number, alpha: number, grow: number, flat: [number, number, number] | null, ring: number): void => {
      if (!this.has[state]) return;
      gl.uniform1f(u.want ?? null, state);
      gl.uniform1f(u.alpha ?? null, alpha);
      gl.uniform1f(u.point ?? null, frame.point * frame.ratio * grow);
      gl.uniform1f(u.use_flat ?? null, flat ? 1 : 0);
      gl.uniform3f(u.flat_colour ?? null, ...(flat ?? [0, 0, 0]));
      gl.uniform1f(u.ring ?? null, ring);
      this.setStride(state === SELECTED ? 1 : frame.stride);
      gl.drawArrays(gl.POINTS, 0, Math.ceil(this.n / this.stride));
    };
    if (frame.ghost) pass(GHOST, 0.12, 0.8, this.theme.ghost, 0);
    pass(SHOWN, this.has[SELECTED] ? frame.alpha * 0.55 : frame.alpha, 1, null, 0);
    pass(SELECTED, 1, 1.9, this.theme.selected, 0);
    pass(SELECTED, 1, 1.1, null, 0);
  }

  destroy(): void {
    for (const buffer of Object.values(this.buffers)) this.gl.deleteBuffer(buffer);
    this.gl.deleteProgram(this.program);
    this.gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}
