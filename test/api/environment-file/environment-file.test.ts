import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { exportEnvironment } from '../../../api/environment-file/export-file.ts'
import { environmentFileSchema } from '../../../api/environment-file/file-schema.ts'
import { planEnvironment } from '../../../api/environment-file/plan.ts'
import { readEnvironmentFile } from '../../../api/environment-file/read-file.ts'
import type { EnvironmentView } from '../../../domain/environments/environments.ts'
import { hasCode } from '../../../domain/errors.ts'

const FILE = `# What the shop needs
description: The shop
setup: |
  npm ci
  npm run build
variables:
  CI: "1"
agent: codex
secrets: [NPM_TOKEN]
policy:
  agent:
    preset: common
    methods: safe
limits:
  agentMs: 600000
`

const ENVIRONMENT: EnvironmentView = {
  ...{ id: 'e1', name: 'shop', description: '', image: 'universal', agent: 'codex', agentScript: null },
  ...{ agentUser: 'agent', setupScript: 'npm install\n', maintenanceScript: null, variables: { CI: '1' } },
  ...{
    policy: {},
    publish: 'manual',
    holdFlagged: true,
    publishUnlinked: true,
    resources: {},
    limits: { agentMs: 600_000 },
    maxRunning: 8,
  },
  ...{ model: null, provider: null, budgetTokens: null, createdBy: null, versions: {}, verification: [] },
  ...{
    starterTasks: [],
    services: [],
    visibility: 'workspace',
    cacheEpoch: 0,
    createdAt: new Date(0),
    updatedAt: new Date(0),
  },
  ...{ repository: { id: 'r1', forge: 'git', address: '/srv/shop' }, repositories: [] },
}

const plan = (text: string, environment = ENVIRONMENT) =>
  planEnvironment(readEnvironmentFile(text), { environment, secretNames: [] })

test('planEnvironment() tells what is taken over from what is only proposed', () => {
  const { changes, proposals, missingSecrets } = plan(FILE)
  expect(changes).toEqual([
    { field: 'description', from: '', to: 'The shop' },
    { field: 'setup', from: 'npm install\n', to: 'npm ci\nnpm run build\n' },
  ])
  expect(proposals.map(({ field }) => field)).toEqual(['policy'])
  expect(missingSecrets).toEqual(['NPM_TOKEN'])
})

test('planEnvironment() plans nothing for what the file leaves out', () => {
  expect(plan('')).toEqual({ changes: [], proposals: [], missingSecrets: [] })
  expect(plan('# nothing yet\n')).toEqual({ changes: [], proposals: [], missingSecrets: [] })
})

test.each([
  ['policy', 'policy: {preset: all, methods: all}'],
  ['agentUser', 'agentUser: root'],
  ['publish', 'publish: branch'],
  ['holdFlagged', 'holdFlagged: false'],
  ['publishUnlinked', 'publishUnlinked: false'],
  ['resources', 'resources: {memoryMiB: 100000}'],
  ['limits', 'limits: {totalMs: 80000000}'],
  ['maxRunning', 'maxRunning: 100'],
  ['budgetTokens', 'budgetTokens: 1000000'],
  ['services', 'services: [{name: db, image: postgres}]'],
  ['repositories', 'repositories: [{repository: acme/web}]'],
])('planEnvironment() only proposes %s (R21)', (field, text) => {
  const { changes, proposals } = plan(text)
  expect(changes).toEqual([])
  expect(proposals.map((change) => change.field)).toEqual([field])
})

test.each([
  ['an unknown setting', 'setup: true-ish\nimagee: base\n', '2:1: imagee: there is no such setting'],
  ['a wrong type', 'variables:\n  CI: 1\n', '2:3: variables.CI: '],
  ['an unknown setting below another', 'limits:\n  agentMs: 1000\n  foo: 1\n', '3:3: limits.foo: there is no such'],
  ['a value out of range', 'resources:\n  memoryMiB: 1\n', '2:3: resources.memoryMiB: '],
  ['a list in place of settings', '- a\n- b\n', '1:1: the file: '],
  ['broken YAML', 'setup: "never closed\n', '2:1: '],
  ['a key twice', 'agent: codex\nagent: claude\n', '2:1: Map keys must be unique'],
  ['a tag that makes something', 'setup: !!js/function "x"\n', 'environment.yml:'],
])('readEnvironmentFile() says where the fault is: %s', (_name, text, words) => {
  expect(refusalOf(text)).toContain(words)
})

test.each([
  ['aliases that stand for gigabytes', bomb()],
  ['one alias', 'description: &a x\nimage: *a\n'],
  ['hundred thousand levels', `variables: ${'['.repeat(100_000)}`],
  ['as many levels of lists', `variables: ${'- '.repeat(100_000)}x`],
  ['levels over many lines', `variables: ${'[\n'.repeat(100_000)}`],
  ['a prototype', '__proto__:\n  isAdmin: true\n'],
])('readEnvironmentFile() refuses %s', (_name, text) => {
  expect(refusalOf(text)).toContain('.drydock/environment.yml:')
})

test('exportEnvironment() gives a file that plans no change', () => {
  const environment: EnvironmentView = {
    ...ENVIRONMENT,
    ...{ description: 'Two: lines # odd', setupScript: '#!/bin/bash\nset -e\n\necho "a: b"\n', publish: 'branch' },
    policy: { agent: { preset: 'none', methods: 'safe', gitRead: true, allow: [{ host: 'a.example' }], deny: [] } },
    variables: { YES: 'yes', NUMBER: '012', EMPTY: '', MULTI: 'a\nb' },
    repositories: [{ id: 'r2', forge: 'github', address: 'acme/web', name: 'site' }],
  }
  const text = exportEnvironment(environment, ['TOKEN'])
  expect(plan(text, environment)).toEqual({ changes: [], proposals: [], missingSecrets: ['TOKEN'] })
})

test('planEnvironment() compares repositories by address and folder, also one that is not named', () => {
  const web = { id: 'r2', forge: 'github' as const, address: 'acme/web', name: 'web' }
  const environment = { ...ENVIRONMENT, repositories: [web] }
  expect(plan('repositories: [{repository: acme/web}]', environment).proposals).toEqual([])
  expect(plan('repositories: [{repository: acme/web, name: site}]', environment).proposals).toEqual([
    {
      ...{ field: 'repositories', from: [{ repository: 'acme/web', name: 'web' }] },
      to: [{ repository: 'acme/web', name: 'site' }],
    },
  ])
})

test('the published schema takes what the reader takes', () => {
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(environmentFileSchema())
  expect(validate(readEnvironmentFile(FILE)), JSON.stringify(validate.errors)).toBe(true)
  expect(validate({ imagee: 'base' })).toBe(false)
})

function refusalOf(text: string): string {
  try {
    readEnvironmentFile(text)
  } catch (error) {
    if (hasCode(error, 'environment-file-invalid')) return error.message
    throw error
  }
  throw new Error('it was taken')
}

function bomb(): string {
  const levels = 'abcdefghi'.split('').map((name, i, all) => {
    const before = all[i - 1]
    return `${name}: &${name} [${Array(9)
      .fill(before === undefined ? 'x' : `*${before}`)
      .join(', ')}]`
  })
  return `${levels.join('\n')}\n`
}
