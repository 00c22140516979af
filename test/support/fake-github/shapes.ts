import { sampleOf } from '../openapi/validate.ts'
import type { FakePull, FakeRepository, FakeUser } from './state.ts'

type Shape = Record<string, unknown>

/** Answers in GitHub's form: what its description requires, with the values that the fake knows. */
export function userShape(user: FakeUser, web: string): Shape {
  return { ...sampleOf('simple-user'), login: user.login, id: user.id, html_url: `${web}/${user.login}`, type: 'User' }
}

export function ownUserShape(user: FakeUser, web: string): Shape {
  return { ...sampleOf('private-user'), ...userShape(user, web) }
}

export function repositoryShape(repository: FakeRepository, user: FakeUser | undefined, web: string): Shape {
  const full = `${repository.owner}/${repository.name}`
  const push = user !== undefined && repository.writers.has(user.login)
  return {
    ...sampleOf('full-repository'),
    id: repository.id,
    name: repository.name,
    full_name: full,
    owner: userShape({ login: repository.owner, id: 1 }, web),
    private: repository.isPrivate,
    archived: repository.archived,
    default_branch: repository.defaultBranch,
    html_url: `${web}/${full}`,
    clone_url: `${web}/${full}.git`,
    permissions: { admin: false, maintain: false, push, triage: push, pull: true },
  }
}

/** Whoever may not write a public repository reads it; of a private one they have nothing. */
export function permissionShape(repository: FakeRepository, user: FakeUser, web: string): Shape {
  const permission = repository.writers.has(user.login) ? 'write' : repository.isPrivate ? 'none' : 'read'
  const collaborator = { ...userShape(user, web), role_name: permission }
  return { ...sampleOf('repository-collaborator-permission'), permission, role_name: permission, user: collaborator }
}

export function pullShape(pull: FakePull, repository: FakeRepository, web: string): Shape {
  const repo = { ...sampleOf('repository'), ...repositoryShape(repository, pull.author, web) }
  const owner = userShape({ login: repository.owner, id: 1 }, web)
  const side = (ref: string, sha: string) => ({ label: `${repository.owner}:${ref}`, ref, sha, user: owner, repo })
  return {
    ...sampleOf('pull-request'),
    id: pull.number,
    number: pull.number,
    state: pull.state,
    title: pull.title,
    body: pull.body,
    user: userShape(pull.author, web),
    html_url: `${web}/${pull.repository}/pull/${pull.number}`,
    head: side(pull.head, pull.headSha),
    base: side(pull.base, pull.headSha),
  }
}

/** A list entry has no counts of changes; the description allows more fields than it names. */
export function pullListShape(pull: FakePull, repository: FakeRepository, web: string): Shape {
  return { ...sampleOf('pull-request-simple'), ...pullShape(pull, repository, web) }
}
