import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { debianMirrors, proxyVariables } from './debian.mjs'
import { buildContext, hasImage, namesOf, tagImage } from './engine.mjs'
import { say } from './failure.mjs'
import { imageNamed, tagOf } from './image-table.mjs'
import { withLock } from './lock.mjs'
import { privateFolder } from './private-folder.mjs'
import { makeRootFilesystem } from './root-filesystem.mjs'
import { stageContext } from './stage.mjs'

/** Makes the image exist, its parents first, and `latest` mean it. */
export async function ensureImage(name) {
  const image = imageNamed(name)
  const tag = tagOf(name)
  const latest = `drydock/${name}:latest`
  const names = namesOf(tag)
  if (names.length === 0) await buildAlone(image, tag)
  // Switching between two versions of the project builds nothing and still moves the name.
  if (!names.includes(latest)) tagImage(tag, latest)
}

/** Parents first, then this one, which no other process builds meanwhile. */
async function buildAlone(image, tag) {
  if (image.parent) await ensureImage(image.parent)
  await withLock(
    `image-${image.name}`,
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
  say(`built ${tag} in ${Math.round((Date.now() - started) / 1000)} s`)
}

async function buildFromParent(image, tag) {
  removeContexts(image)
  const folder = mkdtempSync(contextPrefix(image))
  try {
    await stageContext(image, folder)
    await buildContext(folder, tag, { buildArguments: buildArguments(image), onLine: showStep(image.name) })
  } finally {
    removeContexts(image)
  }
}

const contextPrefix = (image) => join(privateFolder(), `context-${image.name}-`)

/** Also those of killed builds, whose npm may still write there: what it leaves, the next build removes. */
function removeContexts(image) {
  const prefix = contextPrefix(image)
  for (const name of readdirSync(privateFolder())) {
    const folder = join(privateFolder(), name)
    if (!folder.startsWith(prefix)) continue
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    } catch (error) {
      say(`cannot remove ${folder} yet: ${error.code}`)
    }
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
