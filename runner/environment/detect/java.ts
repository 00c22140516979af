import type { Folder } from './folder.ts'
import { keepOut } from './keep-clean.ts'
import { emptyPart } from './part.ts'
import type { OpenPart, Part, WantedVersion } from './part.ts'
import { cut, versionFiles } from './version-files.ts'

const MAVEN = 'mvn -B -ntp'
const RELEASE = /<(?:maven\.compiler\.(?:release|target|source)|java\.version|release)>\s*(?:1\.)?(\d{1,2})\s*</
const GRADLE_FILES = ['build.gradle.kts', 'build.gradle']
/** Debian's packages after the repositories of the project. */
const DEBIAN = '-I /opt/debian.gradle'
const GRADLE_RELEASE = /JavaLanguageVersion\.of\((\d{1,2})\)|JavaVersion\.VERSION_(?:1_)?(\d{1,2})/

/** A project that Maven builds. */
export function detectMaven(folder: Folder): Part | undefined {
  const text = folder.text('pom.xml')
  if (text === undefined) return undefined
  const part = emptyPart('Maven')
  const from = folder.at('pom.xml')
  part.coversBelow = /<modules>/.test(text)
  addVersion(part, { folder, version: RELEASE.exec(text)?.[1], from })
  if (folder.first('mvnw') !== undefined) {
    const why = 'the image has Maven 3.9, so its wrapper need not download one'
    part.notes.push({ what: 'mvnw is not used', why, from: folder.at('mvnw') })
  }
  part.setup.push({
    run: `${MAVEN} -Dmaven.test.failure.ignore=true test || ${MAVEN} -s /opt/debian-maven.xml -Dmaven.test.failure.ignore=true test`,
    why: "downloads what building and testing need; Debian's own repository of the image stands in where Maven Central cannot be reached",
    from,
  })
  part.setup.push(...keepOut(folder, outputs(folder, ['pom.xml'], 'target'), from))
  part.verification.push({ run: `${MAVEN} -o test`, why: 'builds and tests with what set-up downloaded', from })
  part.manifests.push(from)
  return part
}

/** A project that Gradle builds. */
export function detectGradle(folder: Folder): Part | undefined {
  const name = folder.first(...GRADLE_FILES, 'settings.gradle.kts', 'settings.gradle')
  if (name === undefined) return undefined
  const part = emptyPart('Gradle')
  const from = folder.at(name)
  part.coversBelow = folder.first('settings.gradle', 'settings.gradle.kts') !== undefined
  const [, one, two] = GRADLE_RELEASE.exec(folder.text(name) ?? '') ?? []
  addVersion(part, { folder, version: one ?? two, from })
  const wrapped = folder.has('gradlew') && folder.has('gradle/wrapper/gradle-wrapper.properties')
  const gradle = wrapped ? 'sh ./gradlew --no-daemon' : `gradle --no-daemon ${DEBIAN}`
  if (!wrapped) {
    const why =
      "there is no wrapper, so Debian's Gradle 4.4 is used, which knows little of newer build files: add a wrapper"
    part.notes.push({ what: 'an old Gradle', why, from })
  }
  part.setup.push({
    run: wrapped ? `${gradle} testClasses` : `${gradle} testClasses || ${gradle} --offline testClasses`,
    why: wrapped
      ? 'downloads Gradle itself and what compiling needs'
      : "downloads what compiling needs; Debian's own repository of the image stands in where others cannot be reached",
    from: wrapped ? folder.at('gradle/wrapper/gradle-wrapper.properties') : from,
  })
  part.setup.push(...keepOut(folder, ['.gradle', ...outputs(folder, GRADLE_FILES, 'build')], from))
  part.verification.push({ run: `${gradle} --offline test`, why: 'builds and tests with what set-up downloaded', from })
  part.manifests.push(from)
  return part
}

function addVersion(
  part: OpenPart,
  { folder, version, from }: { folder: Folder; version: string | undefined; from: string },
) {
  const wanted = [...versionFiles(folder, 'java'), ...sdkman(folder)]
  if (wanted.length > 0) part.versions.push(...wanted)
  else if (version !== undefined) part.versions.push({ language: 'java', version, from })
}

function sdkman(folder: Folder): WantedVersion[] {
  const [, version] = /^java=([^\s#]{1,60})/m.exec(folder.text('.sdkmanrc') ?? '') ?? []
  return version === undefined ? [] : [{ language: 'java', version: cut(version), from: folder.at('.sdkmanrc') }]
}

/** Where the modules of a build put what they build. */
function outputs(folder: Folder, manifests: readonly string[], output: string): string[] {
  const folders = folder.below
    .filter((path) => manifests.some((name) => path.endsWith(`/${name}`)))
    .map((path) => path.slice(0, path.lastIndexOf('/') + 1))
  return [...new Set(['', ...folders])].map((each) => each + output)
}
