import { json } from './shape.ts'
import type { Shape } from './shape.ts'

const IGNORE = 'node_modules/\n/dist/\n'
const TEST = `const test = require('node:test')
const assert = require('node:assert')
test('adds', () => assert.equal(require('./add.js')(1, 2), 3))
`
const ADD = 'module.exports = (a, b) => a + b\n'
const NODE_TEST = { test: 'node --test' }
const MS = 'sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=='

const npm: Shape = {
  name: 'npm',
  files: {
    '.gitignore': IGNORE,
    'package.json': json({ name: 'a', version: '1.0.0', dependencies: { ms: '2.1.3' }, scripts: NODE_TEST }),
    'package-lock.json': json({
      ...{ name: 'a', version: '1.0.0', lockfileVersion: 3, requires: true },
      packages: {
        '': { name: 'a', version: '1.0.0', dependencies: { ms: '2.1.3' } },
        'node_modules/ms': { version: '2.1.3', integrity: MS },
      },
    }),
    'add.js': "require('ms')\n" + ADD,
    'add.test.js': TEST,
  },
  setup: ['npm ci --no-audit --no-fund'],
  verification: ['CI=true npm test'],
}

const pnpm: Shape = {
  name: 'pnpm workspace with a pinned manager',
  files: {
    '.gitignore': IGNORE,
    'package.json': json({ name: 'root', private: true, packageManager: 'pnpm@9.15.9' }),
    'pnpm-workspace.yaml': "packages:\n  # all of them\n  - 'packages/*'\n",
    'pnpm-lock.yaml':
      "lockfileVersion: '9.0'\n\nsettings:\n  autoInstallPeers: true\n  excludeLinksFromLockfile: false\n\nimporters:\n\n  .: {}\n\n  packages/a: {}\n\n  packages/b:\n    dependencies:\n      a:\n        specifier: workspace:*\n        version: link:../a\n",
    'packages/a/package.json': json({ name: 'a', version: '1.0.0', main: 'add.js', scripts: NODE_TEST }),
    'packages/a/add.js': ADD,
    'packages/a/add.test.js': TEST,
    'packages/b/package.json': json({
      ...{ name: 'b', version: '1.0.0', dependencies: { a: 'workspace:*' } },
      scripts: { build: 'node -e "require(\'a\')"', ...NODE_TEST },
    }),
    'packages/b/b.test.js': TEST.replace('./add.js', 'a'),
  },
  setup: [
    'npm install --global --prefix /opt/toolchain --no-audit --no-fund pnpm@9.15.9',
    'pnpm install --frozen-lockfile',
  ],
  verification: ['pnpm --recursive --if-present run build', 'CI=true pnpm --recursive --if-present run test'],
}

const yarn: Shape = {
  name: 'yarn',
  files: {
    '.gitignore': IGNORE,
    'package.json': json({ name: 'a', version: '1.0.0', license: 'MIT', scripts: NODE_TEST }),
    'yarn.lock': '# yarn lockfile v1\n\n\n',
    'add.js': ADD,
    'add.test.js': TEST,
  },
  setup: ['yarn install --frozen-lockfile --non-interactive'],
  verification: ['CI=true yarn test'],
}

const typescript: Shape = {
  name: 'TypeScript with another Node',
  files: {
    '.gitignore': IGNORE,
    '.nvmrc': 'v22\n',
    'package.json': json({
      ...{ name: 'a', version: '1.0.0', type: 'module', devDependencies: { typescript: '5.9.3' } },
      scripts: { build: 'tsc', test: 'node --test "dist/**/*.test.js"' },
    }),
    'tsconfig.json': json({
      compilerOptions: { outDir: 'dist', module: 'nodenext', target: 'es2022', types: [], skipLibCheck: true },
      include: ['src'],
    }),
    'src/add.ts': 'export const add = (a: number, b: number): number => a + b\n',
    // Without the types of Node: its modules are loaded by name.
    'src/add.test.ts':
      "import { add } from './add.js'\nif (add(1, 2) !== 3) throw new Error('no')\ndeclare const process: { version: string }\nif (!process.version.startsWith('v22.')) throw new Error(process.version)\n",
  },
  versions: { node: '22' },
  setup: ['npm install --no-package-lock --no-audit --no-fund'],
  verification: ['npm run build', 'CI=true npm test'],
}

/** The CI is of another time; what the repository holds wins. */
const wrongHint: Shape = {
  name: 'a CI file that hints wrongly',
  files: {
    '.gitignore': IGNORE,
    'package.json': json({ name: 'a', version: '1.0.0', engines: { node: '>=18' }, scripts: NODE_TEST }),
    'package-lock.json': json({
      ...{ name: 'a', version: '1.0.0', lockfileVersion: 3, requires: true },
      packages: { '': { name: 'a', version: '1.0.0', engines: { node: '>=18' } } },
    }),
    '.github/workflows/ci.yml':
      'jobs:\n  test:\n    steps:\n      - uses: actions/setup-node@v1\n        with:\n          node-version: 8\n      - run: sudo apt-get install -y libold1 && yarn && make test-all\n',
    '.gitlab-ci.yml': 'image: python:2.7\ntest:\n  script: tox\n',
    'add.js': ADD,
    'add.test.js': TEST,
  },
  setup: ['npm ci --no-audit --no-fund'],
  verification: ['CI=true npm test'],
  reasons: [
    { what: 'node 8 is not used', from: '.github/workflows/ci.yml' },
    { what: 'the CI installs libold1', from: '.github/workflows/ci.yml' },
    { what: 'image python:2.7 is not used', from: '.gitlab-ci.yml' },
  ],
}

export const NODE_SHAPES = [npm, pnpm, yarn, typescript, wrongHint]
