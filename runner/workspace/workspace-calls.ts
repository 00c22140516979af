import type { RunGit } from '../../forge/git.ts'
import { baseTrees } from './base-trees.ts'
import { checkouter, settler } from './checkout.ts'
import { collector } from './collect.ts'
import type { CheckOut, Collect, Settle } from './workspace.ts'

/** What the host does with the repositories in a sandbox. What it knows of a commit serves all of it. */
export function workspaceCalls({ git }: { git: RunGit }): { checkOut: CheckOut; settle: Settle; collect: Collect } {
  const trees = baseTrees({ git })
  return { checkOut: checkouter(trees), settle: settler(trees), collect: collector({ git, trees }) }
}
