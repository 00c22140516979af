import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { debianMirrors, proxyVariables } from './debian.mjs'
import { buildContext, hasImage, tagImage } from './engine.mjs'
import { say } from './failure.mjs'
import { imageNamed, tagOf } from './image-table.mjs'
import { withLock } from './lock.mjs'
import { makeRootFilesystem } from './root-filesystem.mjs'
import { stageContext } from './stage.mjs'

/** Makes the image exist, its parents first. */
export async function ensureImage(name) {
  const image = imageNamed(name)
  const tag = tagOf(name)
  if (hasImage(tag)) return
  if (image.parent) await ensureImage(image.parent)
  await withLock(
    `image-${name}`,
    async () => {
      if (!hasImage(tag)) await makeImage(image, tag)
    },
    { onWait: (holder) => say(`waiting for process ${holder}, which builds ${tag}`) },
  )
}

async function makeImage(image, tag) {
  const started = Date.now()
  say(`building ${tag} …`)
  if (image.parent) await buildFromParent(image, tag)
  else await makeRootFilesystem(tag)
  tagImage(tag, `drydock/${image.name}:latest`)
  say(`built ${tag} in ${Math.round((Date.now() - started) / 1000)} s`)
}

async function buildFromParent(image, tag) {
  const folder = mkdtempSync(join(tmpdir(), `drydock-${image.name}-`))
  try {
    await stageContext(image, folder)
    await buildContext(folder, tag, { buildArguments: buildArguments(image), onLine: showStep(image.name) })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function buildArguments(image) {
  const { mirror, securityMirror } = debianMirrors()
  return {
    FROM: tagOf(image.parent),
    APT_MIRROR: mirror,
    APT_SECURITY_MIRROR: securityMirror,
    // Without a value, Docker takes the variable from its own environment, and keeps it out of the history.
    ...Object.fromEntries(proxyVariables().map((name) => [name, undefined])),
  }
}

/** The steps of either builder, and the moments at which a long one moves on. */
function showStep(name) {
  const worthShowing = /^(Step \d+\/\d+ : (RUN|COPY)|#\d+ \[\d+\/\d+\] (RUN|COPY)|Need to get|After this operation)/
  return (line) => {
    if (worthShowing.test(line)) say(`  ${name}: ${line.slice(0, 100)}`)
  }
}
