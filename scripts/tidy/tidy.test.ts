import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { layerOverrides, mayImport } from '../layers.ts'
import { checkLinks, checkMachinePaths, checkTranslations } from './document-rules.ts'
import {
  checkDependencies,
  checkExports,
  checkLayers,
  checkLintLayers,
  checkReadmes,
  checkRelativeImports,
} from './package-rules.ts'
import type { Repository, Rule } from './repository.ts'
import {
  checkColumns,
  checkErrorCodes,
  checkFileNames,
  checkIdentifiers,
  checkPureCores,
} from './source-rules.ts'
import { blankNonCode, importsOf } from './source-text.ts'
import { checkLicenses, checkRegistry, isAllowedLicense } from './supply-rules.ts'

function fakeRepository(texts: Readonly<Record<string, string>>): Repository {
  const root = { name: 'root', version: '1.0.0', devDependencies: { 'fast-check': '4' } }
  const all: Record<string, string> = { 'package.json': JSON.stringify(root), ...texts }
  return { files: Object.keys(all).toSorted(), read: (path) => all[path] }
}

function manifest(name: string, more: object = {}): string {
  return JSON.stringify({ name, version: '1.0.0', ...more })
}

const kit = { 'packages/kit/package.json': manifest('@settee/kit') }

interface Case {
  readonly says: string
  readonly rule: Rule
  readonly texts: Readonly<Record<string, string>>
  /** What each problem must contain, in order; nothing when the rule must be content. */
  readonly problems: readonly RegExp[]
}

const cases: readonly Case[] = [
  {
    says: 'an import upwards breaks the layers, one downwards does not',
    rule: checkLayers,
    texts: {
      ...kit,
      'packages/kit/src/a.ts': "import { encode } from '@settee/bolt'",
      'packages/bolt/package.json': manifest('@settee/bolt'),
      'packages/bolt/src/a.ts': "import { assert } from '@settee/kit'",
    },
    problems: [/packages\/kit\/src\/a\.ts imports @settee\/bolt/],
  },
  {
    says: 'a package without a floor is named',
    rule: checkLayers,
    texts: { 'packages/attic/package.json': manifest('@settee/attic') },
    problems: [/packages\/attic has no floor/],
  },
  {
    says: 'a lint configuration without the table is found',
    rule: checkLintLayers,
    texts: { '.oxlintrc.json': '{"overrides":[]}' },
    problems: [/run `node scripts\/layers\.ts`/],
  },
  {
    says: 'the lint configuration written from the table is accepted',
    rule: checkLintLayers,
    texts: { '.oxlintrc.json': JSON.stringify({ overrides: layerOverrides() }) },
    problems: [],
  },
  {
    says: 'imports need a dependency and dependencies an import',
    rule: checkDependencies,
    texts: {
      'packages/tx/package.json': manifest('@settee/tx', { dependencies: { pg: '8', left: '1' } }),
      'packages/tx/src/a.ts': "import { Pool } from 'pg'\nimport parse from 'libpg-query'\n",
    },
    problems: [/src\/a\.ts imports libpg-query: add it/, /does not use left/],
  },
  {
    says: 'tests and types may come from devDependencies, shipped code may not',
    rule: checkDependencies,
    texts: {
      'packages/tx/package.json': manifest('@settee/tx', {
        devDependencies: { '@types/pg': '8', sax: '1' },
      }),
      'packages/tx/src/a.ts': "import type { Pool } from 'pg'\nimport sax from 'sax'\n",
      'packages/tx/src/a.test.ts': "import fc from 'fast-check'\nimport sax from 'sax'\n",
    },
    problems: [/src\/a\.ts imports sax/],
  },
  {
    says: 'our own packages move in lockstep',
    rule: checkDependencies,
    texts: {
      ...kit,
      'packages/tx/package.json': manifest('@settee/tx', {
        dependencies: { '@settee/kit': '0.9.0' },
      }),
      'packages/tx/src/a.ts': "import { assert } from '@settee/kit'",
    },
    problems: [/wants @settee\/kit 0\.9\.0/],
  },
  {
    says: 'a relative import must not leave its package',
    rule: checkRelativeImports,
    texts: {
      ...kit,
      'packages/kit/src/a.ts': "import { b } from './b.ts'\nexport * from '../../tx/src/a.ts'\n",
    },
    problems: [/\.\.\/\.\.\/tx\/src\/a\.ts, which leaves packages\/kit/],
  },
  {
    says: 'an entry point needs its source and the names it is built to',
    rule: checkExports,
    texts: {
      'packages/kit/package.json': manifest('@settee/kit', {
        exports: {
          '.': {
            '@settee/source': './src/index.ts',
            types: './dist/index.d.ts',
            default: './dist/main.js',
          },
        },
        bin: { kit: './src/bin.ts' },
      }),
    },
    problems: [/which does not exist/, /default must be \.\/dist\/index\.js/, /command kit/],
  },
  {
    says: 'a package without README is named',
    rule: checkReadmes,
    texts: kit,
    problems: [/packages\/kit\/README\.md is missing/],
  },
  {
    says: 'file names are kebab-case and mean something',
    rule: checkFileNames,
    texts: {
      'docs/zh/glossary.md': '',
      'README.zh-CN.md': '',
      'packages/tx/src/undoLog.ts': '',
      'packages/tx/src/sql-utils.ts': '',
    },
    problems: [/sql-utils\.ts: "util"/, /undoLog\.ts must be kebab-case/],
  },
  {
    says: 'identifiers mean something; comments, strings and parts of words are free',
    rule: checkIdentifiers,
    texts: {
      'packages/tx/src/a.ts':
        "// a helper\nimport { inspect } from 'node:util'\nconst utility = `common`\n" +
        'export class LockHelper {}\n',
    },
    problems: [/a\.ts:4: LockHelper contains "helper"/],
  },
  {
    says: 'lines have at most 100 columns',
    rule: checkColumns,
    texts: { 'scripts/a.ts': `${'x'.repeat(100)}\n${'y'.repeat(101)}\n` },
    problems: [/a\.ts:2 has 101 columns/],
  },
  {
    says: 'a core is pure, and so is all that it loads',
    rule: checkPureCores,
    texts: {
      'packages/tx/src/core/step.ts':
        "import { MinHeap } from '@settee/kit'\nimport type { Long } from '@settee/wire'\n" +
        "import { codes } from '../codes.ts'\nimport { join } from 'node:path'\n" +
        'const text = new Date(at).toISOString()\n',
      'packages/tx/src/core/now.ts': 'const at = Date.now()',
      'packages/tx/src/codes.ts': 'export const seed = Math.random()',
      'packages/tx/src/core/step.test.ts': 'setTimeout(() => {}, 1) // tests may',
      'packages/tx/src/server.ts': 'Date.now() // shells may',
    },
    problems: [/now\.ts uses Date\.now/, /step\.ts imports node:path/, /codes\.ts uses Math/],
  },
  {
    says: 'an error code has one owner',
    rule: checkErrorCodes,
    texts: {
      'packages/tx/src/errors.ts': 'export const a = {\n  SETTEE_X_LOST: {\n  },\n}',
      'packages/rpc/src/errors.ts': 'export const a = {\n  SETTEE_X_LOST: { retryable: true },\n}',
    },
    problems: [/tx\/src\/errors\.ts declares SETTEE_X_LOST, as packages\/rpc/],
  },
  {
    says: 'links lead to files and headings that exist',
    rule: checkLinks,
    texts: {
      'docs/a.md':
        '# The `tx` package\n## 全局锁\n[ok](#the-tx-package) [ok](#全局锁) [ok](../README.md)\n' +
        '[web](https://example.org) `[code](none.md)`\n[gone](none.md) [off](../README.md#off)',
      'README.md': '# Settee\n',
    },
    problems: [/none\.md does not exist/, /no heading #off/],
  },
  {
    says: 'a translation keeps the structure of its original',
    rule: checkTranslations,
    texts: {
      'README.md': '# A\n## B\n```sh\n# no heading\n```\n',
      'README.zh-CN.md': '# 甲\n## 乙\n```sh\n# 不是标题\n```\n',
      'docs/start.md': '# A\n## B\n',
      'docs/zh/start.md': '# 甲\n',
    },
    problems: [/docs\/zh\/start\.md departs from docs\/start\.md at heading or code block 2/],
  },
  {
    says: 'folders of one machine are found, routes and globs are not',
    rule: checkMachinePaths,
    texts: {
      'docs/a.md': ['cd /', 'home/me/settee\nhttps://example.org/home/page\n**/shop/**'].join(''),
    },
    problems: [/a\.md:1 names/],
  },
  {
    says: 'the lock and .npmrc name no registry',
    rule: checkRegistry,
    texts: {
      'package-lock.json': JSON.stringify({
        packages: {
          'node_modules/a': { resolved: 'https://registry.example/a.tgz' },
          'node_modules/@settee/kit': { resolved: 'packages/kit', link: true },
        },
      }),
      '.npmrc': 'fund=false\nregistry=https://registry.example/\n',
    },
    problems: [/node_modules\/a comes from/, /\.npmrc names a registry/],
  },
  {
    says: 'a licence must be on the list',
    rule: checkLicenses,
    texts: {
      'package-lock.json': JSON.stringify({
        packages: {
          'node_modules/a': { license: 'GPL-3.0-only' },
          'node_modules/b': { license: 'GPL-3.0-only' },
          'node_modules/c': {},
        },
      }),
      'node_modules/b/package.json': '{"license":"MIT"}',
    },
    problems: [/node_modules\/a has licence GPL/, /node_modules\/c has licence \(none\)/],
  },
]

describe('tidy rules', () => {
  for (const { says, rule, texts, problems } of cases) {
    test(says, () => {
      const found = rule(fakeRepository(texts))
      assert.equal(found.length, problems.length, found.join('\n'))
      for (const [index, expected] of problems.entries()) assert.match(found[index]!, expected)
    })
  }
})

test('imports are found in every form, and not in comments or templates', () => {
  const source = [
    "import { a } from 'one'",
    "import type { B } from 'two'",
    'import {',
    '  c, // a comment',
    "} from 'three'",
    "import 'four'",
    "export * from 'five'",
    "const six = await import('six')",
    "// import { no } from 'comment'",
    "const text = `\nimport { no } from 'template'\n`",
    'const pattern = /[\'"`]/',
    "export type { D } from 'seven'",
  ].join('\n')
  const found = importsOf(source).map(({ specifier, isTypeOnly }) =>
    isTypeOnly ? `type ${specifier}` : specifier,
  )
  assert.deepEqual(found.toSorted(), [
    'five',
    'four',
    'one',
    'six',
    'three',
    'type seven',
    'type two',
  ])
})

test('blanking keeps every line where it is', () => {
  const source = "a /* one\ntwo */ b\nconst c = 'text' // end\nd = `x\ny`\n"
  const blanked = blankNonCode(source, false)
  assert.equal(blanked.length, source.length)
  assert.deepEqual(
    blanked.split('\n').map((line) => line.trim()),
    ['a', 'b', 'const c =', 'd =', '', ''],
  )
})

test('the layer table allows downwards and the listed sideways imports alone', () => {
  const allowed = [
    ['tx', 'journal'],
    ['rpc', 'registry'],
    ['server', 'tx'],
    ['settee', 'server'],
  ] as const
  const banned = [
    ['journal', 'tx'],
    ['registry', 'rpc'],
    ['tx', 'rpc'],
    ['console', 'server'],
  ] as const
  for (const [importer, imported] of allowed) assert.ok(mayImport(importer, imported), importer)
  for (const [importer, imported] of banned) assert.ok(!mayImport(importer, imported), importer)
})

test('licence expressions follow AND and OR', () => {
  assert.ok(isAllowedLicense('(MIT OR GPL-3.0)'))
  assert.ok(isAllowedLicense('(Apache-2.0 AND BSD-3-Clause)'))
  assert.ok(!isAllowedLicense('MIT AND AGPL-3.0'))
})
