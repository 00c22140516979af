import type { Command } from '../cli/command.ts'
import { PEOPLE_COMMANDS } from './people-commands.ts'

export type CommandEntry = { summary: string; load: () => Promise<Command> }

/** Every command by what is typed. A command's code is loaded when it is called: `--version` stays quick. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  serve: {
    summary: 'run the server: api, runner, or both',
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  demo: {
    summary: 'run one task from prompt to published branch, on this machine',
    load: async () => (await import('./demo.ts')).demo,
  },
  sandbox: {
    summary: 'run one command under a network policy and show what it asked for',
    load: async () => (await import('./commands/sandbox.ts')).sandbox,
  },
  doctor: {
    summary: 'check this machine and the server, and say what to do',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  completion: {
    summary: 'print a completion script for bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).completionOf(COMMANDS),
  },
  login: {
    summary: 'sign in at a server, and keep the token in a profile',
    load: async () => (await import('../cli/commands/login.ts')).login,
  },
  logout: {
    summary: 'remove a profile, and revoke its token',
    load: async () => (await import('../cli/commands/logout.ts')).logout,
  },
  'profile list': {
    summary: 'list the profiles, and which is in use',
    load: async () => (await import('../cli/commands/profile/list.ts')).listProfiles,
  },
  'profile use': {
    summary: 'say which profile is used',
    load: async () => (await import('../cli/commands/profile/use.ts')).useProfile,
  },
  whoami: {
    summary: 'show who you are for the server, and what you may do',
    load: async () => (await import('../cli/commands/whoami.ts')).whoami,
  },
  'env create': {
    summary: 'make an environment',
    load: async () => (await import('../cli/commands/env/create.ts')).createEnvironment,
  },
  'env detect': {
    summary: 'show what a repository proposes for an environment',
    load: async () => (await import('../cli/commands/env/detect.ts')).detectEnvironment,
  },
  'env list': {
    summary: 'list the environments',
    load: async () => (await import('../cli/commands/env/list.ts')).listEnvironments,
  },
  'env show': {
    summary: 'show an environment',
    load: async () => (await import('../cli/commands/env/show.ts')).showEnvironment,
  },
  'env update': {
    summary: 'change an environment',
    load: async () => (await import('../cli/commands/env/update.ts')).updateEnvironment,
  },
  'env delete': {
    summary: 'remove an environment',
    load: async () => (await import('../cli/commands/env/delete.ts')).deleteEnvironment,
  },
  'env share': {
    summary: 'let more people use an environment',
    load: async () => (await import('../cli/commands/env/share.ts')).shareEnvironment,
  },
  'env unshare': {
    summary: 'take an environment back',
    load: async () => (await import('../cli/commands/env/unshare.ts')).unshareEnvironment,
  },
  'env access': {
    summary: 'show who may use an environment',
    load: async () => (await import('../cli/commands/env/access.ts')).showAccess,
  },
  'env plan': {
    summary: 'show what .drydock/environment.yml would change',
    load: async () => (await import('../cli/commands/env/plan.ts')).planEnvironment,
  },
  'env apply': {
    summary: 'take over what .drydock/environment.yml declares',
    load: async () => (await import('../cli/commands/env/apply.ts')).applyEnvironment,
  },
  'env export': {
    summary: 'print an environment as .drydock/environment.yml',
    load: async () => (await import('../cli/commands/env/export.ts')).exportEnvironment,
  },
  'env cache': {
    summary: 'show what set-up has left to start from',
    load: async () => (await import('../cli/commands/env/cache.ts')).showCache,
  },
  'env refresh': {
    summary: 'set an environment up anew in the background',
    load: async () => (await import('../cli/commands/env/refresh.ts')).refreshCache,
  },
  'env reset-cache': {
    summary: 'throw away what set-up has left',
    load: async () => (await import('../cli/commands/env/reset-cache.ts')).resetCache,
  },
  'env secret set': {
    summary: 'store a secret of an environment',
    load: async () => (await import('../cli/commands/env/secret/set.ts')).setSecret,
  },
  'env secret list': {
    summary: 'list the secrets of an environment, without their values',
    load: async () => (await import('../cli/commands/env/secret/list.ts')).listSecrets,
  },
  'env secret delete': {
    summary: 'remove a secret of an environment',
    load: async () => (await import('../cli/commands/env/secret/delete.ts')).deleteSecret,
  },
  'env import-env': {
    summary: 'take variables and secrets from a .env file',
    load: async () => (await import('../cli/commands/env/import-env.ts')).importEnv,
  },
  ...PEOPLE_COMMANDS,
  'settings get': {
    summary: 'show the settings of the installation',
    load: async () => (await import('../cli/commands/settings/get.ts')).getSettings,
  },
  'settings set': {
    summary: 'change a setting of the installation',
    load: async () => (await import('../cli/commands/settings/set.ts')).setSettings,
  },
  'provider add': {
    summary: 'add a provider of models',
    load: async () => (await import('../cli/commands/provider/add.ts')).addProvider,
  },
  'provider list': {
    summary: 'list the providers of models',
    load: async () => (await import('../cli/commands/provider/list.ts')).listProviders,
  },
  'provider show': {
    summary: 'show a provider, without its key',
    load: async () => (await import('../cli/commands/provider/show.ts')).showProvider,
  },
  'provider update': {
    summary: 'change a provider, its key too',
    load: async () => (await import('../cli/commands/provider/update.ts')).updateProvider,
  },
  'provider delete': {
    summary: 'remove a provider and its key',
    load: async () => (await import('../cli/commands/provider/delete.ts')).deleteProvider,
  },
  'credential set': {
    summary: 'store a header that rules of a policy add',
    load: async () => (await import('../cli/commands/credential/set.ts')).setCredential,
  },
  'credential list': {
    summary: 'list the credentials, without their values',
    load: async () => (await import('../cli/commands/credential/list.ts')).listCredentials,
  },
  'credential delete': {
    summary: 'remove a credential',
    load: async () => (await import('../cli/commands/credential/delete.ts')).deleteCredential,
  },
  'rotate-keys': {
    summary: 'make a new master key and seal all stored keys with it',
    load: async () => (await import('./commands/rotate-keys.ts')).rotateKeys,
  },
  backup: {
    summary: 'write the database into a file',
    load: async () => (await import('./commands/backup.ts')).backup,
  },
  restore: {
    summary: 'restore a backup into an empty installation',
    load: async () => (await import('./commands/restore.ts')).restoreBackup,
  },
  'gateway-ca': {
    summary: 'replace the CA of the gateway',
    load: async () => (await import('./commands/gateway-ca.ts')).gatewayCa,
  },
  exec: {
    summary: 'give a task to an agent',
    load: async () => (await import('../cli/commands/exec.ts')).exec,
  },
  follow: {
    summary: 'go on with a task that has ended',
    load: async () => (await import('../cli/commands/follow.ts')).follow,
  },
  list: {
    summary: 'list tasks',
    load: async () => (await import('../cli/commands/list.ts')).list,
  },
  status: {
    summary: 'show a task',
    load: async () => (await import('../cli/commands/status.ts')).status,
  },
  logs: {
    summary: 'print what a task did; -f live',
    load: async () => (await import('../cli/commands/logs.ts')).logs,
  },
  diff: {
    summary: 'print the changes of a task',
    load: async () => (await import('../cli/commands/diff.ts')).diff,
  },
  apply: {
    summary: 'apply the changes to your work tree',
    load: async () => (await import('../cli/commands/apply.ts')).apply,
  },
  pr: {
    summary: 'push the branch, open the pull request',
    load: async () => (await import('../cli/commands/pr.ts')).pr,
  },
  cancel: {
    summary: 'cancel a task',
    load: async () => (await import('../cli/commands/cancel.ts')).cancel,
  },
  ledger: {
    summary: 'show what a task asked of the network',
    load: async () => (await import('../cli/commands/ledger.ts')).ledger,
  },
  'audit list': {
    summary: 'list who did what',
    load: async () => (await import('../cli/commands/audit/list.ts')).listAudit,
  },
  'audit export': {
    summary: 'print the audit log as JSON lines',
    load: async () => (await import('../cli/commands/audit/export.ts')).exportAudit,
  },
  'audit verify': {
    summary: 'check that nobody changed the audit log',
    load: async () => (await import('../cli/commands/audit/verify.ts')).verifyAudit,
  },
  bench: {
    summary: 'measure: start, claims, lists, events',
    load: async () => (await import('./commands/bench.ts')).bench,
  },
  fault: {
    summary: 'kill a server at random moments under load and check what is left',
    load: async () => (await import('./commands/bench.ts')).fault,
  },
  soak: {
    summary: 'have people work with a server and look for leaks',
    load: async () => (await import('./commands/bench.ts')).soak,
  },
  fuzz: {
    summary: 'feed the gateway with hostile input and check what it makes of it',
    load: async () => (await import('./commands/bench.ts')).fuzz,
  },
}

/** The commands as the help shows them. */
export const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ['Start here', ['demo', 'serve', 'sandbox', 'doctor', 'completion']],
  ['You', ['login', 'logout', 'profile list', 'profile use', 'whoami', 'forge link', 'forge list', 'forge unlink']],
  [
    'Environments',
    [
      ...['env create', 'env detect', 'env list', 'env show', 'env update', 'env delete', 'env import-env'],
      ...['env share', 'env unshare', 'env access'],
      ...['env plan', 'env apply', 'env export', 'env cache', 'env refresh', 'env reset-cache'],
      ...['env secret set', 'env secret list', 'env secret delete'],
    ],
  ],
  [
    'Models and credentials',
    [
      ...['provider add', 'provider list', 'provider show', 'provider update', 'provider delete'],
      ...['credential set', 'credential list', 'credential delete', 'rotate-keys', 'gateway-ca'],
    ],
  ],
  [
    'People',
    [
      ...['sign-in list', 'sign-in add', 'sign-in set', 'sign-in remove', 'user list', 'user set', 'user disable'],
      ...['user export', 'user delete'],
      ...['group list', 'group create', 'group add', 'group remove', 'group delete'],
      ...['role list', 'role create', 'role set', 'role delete', 'role grant', 'role revoke'],
    ],
  ],
  ['Settings', ['settings get', 'settings set']],
  ['Backups', ['backup', 'restore']],
  ['Tasks', ['exec', 'follow', 'list', 'status', 'logs', 'diff', 'apply', 'pr', 'cancel', 'ledger']],
  ['Audit', ['audit list', 'audit export', 'audit verify']],
  ['Measuring', ['bench', 'fault', 'soak', 'fuzz']],
]
