// The reference of the library from its comments: `npm run docs`. Compiled with the engine's sources, so that what it shares with
// the library is in it; warns of every type that a public signature mentions and nobody can import.
export default {
  name: 'fedloom',
  entryPoints: [
    '../../packages/fedloom/src/index.ts',
    '../../packages/fedloom/src/conformance/index.ts',
    '../../packages/fedloom/src/browser/index.ts',
    '../../packages/fedloom/src/browser/simulation/index.ts',
  ],
  tsconfig: 'tsconfig.json',
  // `tsc -b` checks it: here the engine would see codes of errors that others declare.
  skipErrorChecking: true,
  plugin: ['./exported-types.js'],
  out: 'dist',
  readme: '../../packages/fedloom/README.md',
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  validation: { notExported: false },
  excludePrivate: true,
  excludeInternal: true,
  disableGit: true,
  sourceLinkTemplate: 'https://github.com/fedloom/fedloom/blob/main/{path}#L{line}',
};
