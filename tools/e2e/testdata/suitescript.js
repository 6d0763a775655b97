// Runs a user event script outside NetSuite: node suitescript.js SCRIPT CASE, CASE being JSON. Prints what it would post
// and log, as JSON.
const fs = require('node:fs')
const nodeCrypto = require('node:crypto')

const [, , script, text] = process.argv
const given = JSON.parse(text)
const out = { posts: [], logs: [], units: 0 }
if (given.now) Date.now = () => given.now * 1000

const modules = {
  'N/crypto': {
    HashAlg: { SHA256: 'SHA256' },
    createSecretKey: ({ secret, encoding }) => {
      if (encoding !== 'UTF_8' || given.secrets[secret] === undefined) throw new Error('no API secret ' + secret)
      return given.secrets[secret]
    },
    createHmac: ({ algorithm, key }) => {
      const hmac = nodeCrypto.createHmac(algorithm.toLowerCase(), key)
      return {
        update: ({ input, inputEncoding }) => hmac.update(input, inputEncoding.replace('_', '-').toLowerCase()),
        digest: ({ outputEncoding }) => hmac.digest(outputEncoding.toLowerCase()).toUpperCase()
      }
    }
  },
  'N/crypto/random': { generateUUID: () => given.nonce || nodeCrypto.randomUUID() },
  'N/encode': { Encoding: { UTF_8: 'UTF_8', HEX: 'HEX' } },
  'N/https': {
    post: (request) => {
      out.units += 10
      if (given.down) throw new Error('SSS_REQUEST_TIME_EXCEEDED')
      out.posts.push(request)
      return { code: given.code || 200, body: 'said' }
    }
  },
  'N/log': { error: ({ title, details }) => out.logs.push(title + ': ' + (details.message || details)) },
  'N/runtime': {
    ContextType: { REST_WEBSERVICES: 'RESTWEBSERVICES', USER_INTERFACE: 'USERINTERFACE' },
    executionContext: given.context,
    getCurrentUser: () => ({ id: given.user }),
    getCurrentScript: () => ({ getParameter: ({ name }) => given.parameters[name] })
  }
}

const record = {
  type: given.type,
  id: given.id,
  getLineCount: () => (given.items || []).length,
  getSublistValue: ({ line }) => given.items[line]
}

global.define = (names, make) => {
  const { afterSubmit } = make(...names.map((name) => modules[name]))
  const types = { CREATE: 'create', EDIT: 'edit', DELETE: 'delete' }
  const gone = given.event === 'delete'
  afterSubmit({ type: given.event, UserEventType: types, newRecord: gone ? undefined : record, oldRecord: gone ? record : undefined })
}
eval(fs.readFileSync(script, 'utf8'))
console.log(JSON.stringify(out))
