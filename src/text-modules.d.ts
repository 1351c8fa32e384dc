// Owns the type of files that are bundled as text. The bundlers are told which: `rules` in
// wrangler.toml, and what stands for it in the development server and in vitest.config.ts.

declare module "*.sql" {
  const text: string;
  export default text;
}
