import type { FlaggedPath } from '../../domain/tasks/attempt.ts'
import { foldText, isGitFolder } from './names.ts'

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
      '.woodpecker.yaml',
      '.woodpecker/**',
      '.drone.yml',
      '.drone.yaml',
      '.buildkite/**',
      '.ci/**',
      'Jenkinsfile',
      'azure-pipelines.yml',
      'azure-pipelines.yaml',
      '.azure-pipelines/**',
      'bitbucket-pipelines.yml',
      'appveyor.yml',
      '.appveyor.yml',
      'cloudbuild.yaml',
      'cloudbuild.yml',
      '.semaphore/**',
      '.teamcity/**',
      '.cirrus.yml',
      '.builds/**',
      '.build.yml',
    ],
  },
  {
    why: 'rules of the forge',
    paths: [
      '**/CODEOWNERS',
      '.github/dependabot.yml',
      '.github/dependabot.yaml',
      '.github/settings.yml',
      'renovate.json',
      'renovate.json5',
      '.renovaterc',
      '.renovaterc.json',
      '.github/renovate.json',
      '.github/renovate.json5',
    ],
  },
  {
    // `-diff` and `linguist-generated` keep a file out of sight where people review.
    why: 'decides what a review shows',
    paths: ['**/.gitattributes'],
  },
  {
    why: 'git hook',
    paths: [
      '.husky/**',
      '.githooks/**',
      '.pre-commit-config.yaml',
      'lefthook.*',
      '.lefthook.*',
      'lefthook-local.*',
      '.lefthook-local.*',
      '.lefthook/**',
    ],
  },
  {
    why: 'run by an editor',
    paths: [
      '**/.vscode/**',
      '**/*.code-workspace',
      '**/.idea/**',
      '**/.devcontainer/**',
      '**/.devcontainer.json',
      '**/.vimrc',
      '**/.exrc',
      '**/.nvimrc',
      '**/.nvim.lua',
      '**/.dir-locals.el',
      '**/.zed/**',
      '**/.gitpod.yml',
      '**/.gdbinit',
      '**/.lldbinit',
      '**/.Rprofile',
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
      '**/.mise/**',
      '**/.config/mise/**',
      '**/.config/mise.toml',
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
      '**/.yarn/releases/**',
      '**/.yarn/plugins/**',
      '**/bunfig.toml',
      '**/.cargo/config.toml',
      '**/.cargo/config',
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
      '**/.windsurf/**',
      '**/.gemini/**',
      '**/.clinerules/**',
      '.github/copilot-instructions.md',
      '.github/instructions/**',
      '.github/prompts/**',
      '.github/agents/**',
      '.drydock/**',
    ],
  },
]

const ROWS = FLAGGED.flatMap(({ why, paths }) => paths.map((path) => ({ why, fits: matcher([path]) })))
/** All rows at once: most paths fit none, and a change may have hundreds of thousands. */
const ANY = matcher(FLAGGED.flatMap(({ paths }) => paths))
/** Folders in which a row's files lie. */
const FOLDERS = matcher(FLAGGED.flatMap(({ paths }) => paths.flatMap(foldersOf)))

/** Which kind of self-running file a path is; undefined for the rest. Judged as the least exact file system sees it. */
export function whyFlagged(path: string): string | undefined {
  const folded = fold(path)
  return ANY.test(folded) ? ROWS.find(({ fits }) => fits.test(folded))?.why : undefined
}

/**
 * A symlink whose target lies outside the repository, or may: after a name, that may be a symlink itself, `..` leads
 * anywhere. Reading it elsewhere reads that machine's file.
 */
export function escapes(path: string, target: string): boolean {
  if (/^[/\\]|^[a-z]:/i.test(target)) return true
  let depth = path.split('/').length - 1
  let isBelow = false
  for (const part of target.split(/[/\\]/)) {
    if (part === '' || part === '.') continue
    if (part !== '..') isBelow = true
    else if (isBelow || --depth < 0) return true
  }
  return false
}

/** What is to be known of a symlink beside its own name. */
export function flaggedLink(path: string, target: string): FlaggedPath | undefined {
  if (escapes(path, target)) return { path, why: 'symlink to a place outside of the repository' }
  if (target.split(/[/\\]/).some((part) => isGitFolder(Buffer.from(part).toString('latin1'))))
    return { path, why: 'symlink into the folder of git itself' }
  // Programs follow it: what lies at its target runs, under a path that fits no row.
  const isFolder = FOLDERS.test(fold(path)) && whyFlagged(path) === undefined
  return isFolder ? { path, why: 'symlink in place of a folder with files that run by themselves' } : undefined
}

/** Upper case first: it also folds letters such as the long s. */
const fold = (path: string) => path.split('/').map(foldText).join('/').toUpperCase().toLowerCase()

function foldersOf(pattern: string): string[] {
  const parts = pattern.replace(/\/\*\*$/, '').split('/')
  return parts.slice(0, -1).flatMap((part, n) => (part === '**' ? [] : [parts.slice(0, n + 1).join('/')]))
}

function matcher(patterns: readonly string[]): RegExp {
  return new RegExp(`^(?:${patterns.map(sourceOf).join('|')})$`, 'is')
}

function sourceOf(pattern: string): string {
  return pattern
    .split(/(\*\*\/|\/\*\*|\*)/)
    .map((piece) => {
      if (piece === '**/') return '(?:.*/)?'
      if (piece === '/**') return '(?:/.*)?'
      return piece === '*' ? '[^/]*' : piece.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    })
    .join('')
}
