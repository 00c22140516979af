import type { FlaggedPath } from '../../domain/tasks/attempt.ts'

/** Files that other machines, or the next agent, run or obey by themselves (R2). The first row that fits names the kind. */
const FLAGGED: readonly { why: string; paths: readonly string[] }[] = [
  {
    why: 'continuous integration',
    paths: [
      '.github/workflows/**',
      '.github/actions/**',
      '.gitlab-ci.yml',
      '.gitlab/ci/**',
      '.gitea/workflows/**',
      '.forgejo/workflows/**',
      '.circleci/**',
      '.travis.yml',
      '.woodpecker.yml',
      '.woodpecker/**',
      '.drone.yml',
      '.buildkite/**',
      '.ci/**',
      'Jenkinsfile',
      'azure-pipelines.yml',
      'bitbucket-pipelines.yml',
      'appveyor.yml',
      '.appveyor.yml',
      'cloudbuild.yaml',
      '.semaphore/**',
      '.teamcity/**',
      '.cirrus.yml',
      '.builds/**',
    ],
  },
  {
    why: 'rules of the forge',
    paths: ['**/CODEOWNERS', '.github/dependabot.yml', '.github/settings.yml', 'renovate.json'],
  },
  {
    why: 'git hook',
    paths: ['.husky/**', '.githooks/**', '.pre-commit-config.yaml', 'lefthook.yml', '.lefthook.yml', '.lefthook/**'],
  },
  {
    why: 'run by an editor',
    paths: [
      '**/.vscode/tasks.json',
      '**/.vscode/settings.json',
      '**/.vscode/launch.json',
      '**/.vscode/extensions.json',
      '**/*.code-workspace',
      '**/.idea/**',
      '**/.devcontainer/**',
      '**/.devcontainer.json',
      '**/.vimrc',
      '**/.exrc',
      '**/.nvimrc',
      '**/.nvim.lua',
      '**/.dir-locals.el',
      '**/.zed/tasks.json',
    ],
  },
  {
    why: 'run by a shell',
    paths: [
      '**/.envrc',
      '**/.bashrc',
      '**/.profile',
      '**/.zshrc',
      '**/mise.toml',
      '**/.mise.toml',
      '**/.tool-versions',
    ],
  },
  {
    why: 'read by package managers',
    paths: [
      '**/.npmrc',
      '**/.yarnrc',
      '**/.yarnrc.yml',
      '**/.pnpmfile.cjs',
      '**/pip.conf',
      '.cargo/config.toml',
      '.cargo/config',
    ],
  },
  {
    why: 'instructions for agents',
    paths: [
      '**/AGENTS.md',
      '**/AGENTS.override.md',
      '**/CLAUDE.md',
      '**/CLAUDE.local.md',
      '**/GEMINI.md',
      '**/.claude/**',
      '**/.codex/**',
      '**/.opencode/**',
      '**/opencode.json',
      '**/.mcp.json',
      '**/.cursor/**',
      '**/.cursorrules',
      '**/.windsurfrules',
      '**/.clinerules/**',
      '.github/copilot-instructions.md',
      '.github/instructions/**',
      '.drydock/**',
    ],
  },
]

const ROWS = FLAGGED.flatMap(({ why, paths }) => paths.map((path) => ({ why, fits: matcher(path) })))

/** Which kind of self-running file a path is; undefined for the rest. Case does not matter, as on many machines. */
export function whyFlagged(path: string): string | undefined {
  return ROWS.find(({ fits }) => fits.test(path))?.why
}

/** A symlink whose target lies outside the repository: reading it elsewhere reads that machine's file. */
export function escapes(path: string, target: string): boolean {
  if (target.startsWith('/') || /^[a-z]:|^\\/i.test(target)) return true
  let depth = path.split('/').length - 1
  for (const part of target.split('/')) {
    if (part === '..') depth--
    else if (part !== '' && part !== '.') depth++
    if (depth < 0) return true
  }
  return false
}

export function flaggedLink(path: string, target: string): FlaggedPath | undefined {
  return escapes(path, target) ? { path, why: 'symlink to a place outside of the repository' } : undefined
}

function matcher(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*\/|\/\*\*|\*)/)
    .map((piece) => {
      if (piece === '**/') return '(?:.*/)?'
      if (piece === '/**') return '(?:/.*)?'
      return piece === '*' ? '[^/]*' : piece.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    })
    .join('')
  return new RegExp(`^${source}$`, 'is')
}
