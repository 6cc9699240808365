import { defineConfig } from 'eslint/config';
import type { Linter } from 'eslint';
import tseslint from 'typescript-eslint';

/** Imports point one way: scripts -> lab, seed, components, cluster -> lib (docs/ARCHITECTURE.md). */
const forbid = (from: string, folders: readonly string[]): Linter.Config => ({
  files: [`${from}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: folders.map((folder) => ({
          regex: `^(\\.\\./)+${folder}/`,
          message: `${from}/ does not import ${folder}/ (docs/ARCHITECTURE.md)`,
        })),
      },
    ],
  },
});

export default defineConfig(
  { ignores: ['node_modules/', '**/modules/', '*.mjs', 'scripts/*.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // `request<T>` and its like say what the answer is; the cast is made in one place.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      'no-console': 'error',
      'no-restricted-globals': ['error', { name: 'fetch', message: 'lib/kube owns the network' }],
      'no-restricted-syntax': [
        'error',
        {
          selector: "CallExpression[callee.object.name='process'][callee.property.name='exit']",
          message: 'set process.exitCode in lib/cli.ts; nothing else ends the process',
        },
      ],
    },
  },
  forbid('lib', ['scripts', 'cluster', 'components', 'seed', 'lab']),
  forbid('cluster', ['scripts', 'components', 'seed', 'lab']),
  forbid('components', ['scripts', 'seed', 'lab', 'cluster/embedded', 'cluster/kind']),
  forbid('seed', ['scripts', 'lab', 'cluster/embedded', 'cluster/kind']),
  forbid('lab', ['scripts', 'cluster/embedded', 'cluster/kind']),
  forbid('scripts', ['cluster/embedded', 'cluster/kind']),
  {
    files: ['test/**/*.ts'],
    rules: {
      // node:test's `test()` and `suite()` return promises that the runner awaits itself.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'suite', 'describe', 'it'] },
          ],
        },
      ],
    },
  },
);
