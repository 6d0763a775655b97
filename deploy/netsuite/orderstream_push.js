/**
 * Tells Orderstream which record somebody changed: kind, internal id and act, signed; nothing of what the record says.
 * Orderstream reads the record itself. See README.md beside this file.
 *
 * @NApiVersion 2.1
 * @NScriptType UserEventScript
 * @NModuleScope SameAccount
 */
define(['N/crypto', 'N/crypto/random', 'N/encode', 'N/https', 'N/log', 'N/runtime'], (crypto, random, encode, https, log, runtime) => {
  // Record types as scripts name them, and what Orderstream calls them.
  const KINDS = {
    salesorder: 'salesOrder',
    itemfulfillment: 'itemFulfillment',
    invoice: 'invoice',
    cashsale: 'cashSale',
    creditmemo: 'creditMemo',
    customerrefund: 'customerRefund',
    cashrefund: 'cashRefund',
    returnauthorization: 'returnAuthorization',
    itemreceipt: 'itemReceipt'
  }

  // Records that count or move stock, and their sublist of items.
  const STOCK = { inventoryadjustment: 'inventory', inventorytransfer: 'inventory', inventorycount: 'item' }

  // More items than this in one record are left to the poll: each notice takes 10 of the script's 1,000 units and its time.
  const MOST_ITEMS = 10

  const ACTS = { create: 'create', copy: 'create', delete: 'delete' }

  const parameter = (name) => runtime.getCurrentScript().getParameter({ name: 'custscript_orderstream_' + name })

  /** Tells whether Orderstream itself saves: it comes by REST, as its own user where that one is named. */
  const ours = () => {
    if (runtime.executionContext !== runtime.ContextType.REST_WEBSERVICES) return false
    const user = parameter('user')
    return !user || String(runtime.getCurrentUser().id) === String(user)
  }

  /** Lists what to tell about a record. */
  const noticesOf = (record, act) => {
    const kind = KINDS[record.type]
    if (kind) return [{ kind, id: String(record.id), act }]
    const sublist = STOCK[record.type]
    if (!sublist) return []
    const items = new Set()
    const lines = record.getLineCount({ sublistId: sublist })
    for (let line = 0; line < lines && items.size < MOST_ITEMS; line++) {
      const item = record.getSublistValue({ sublistId: sublist, fieldId: 'item', line })
      if (item) items.add(String(item))
    }
    return [...items].map((id) => ({ kind: 'inventory', id, act: 'edit' }))
  }

  /** Signs timestamp, nonce and body, joined by dots: HMAC-SHA256, in hex. */
  const sign = (text) => {
    const key = crypto.createSecretKey({ secret: parameter('secret'), encoding: encode.Encoding.UTF_8 })
    const hmac = crypto.createHmac({ algorithm: crypto.HashAlg.SHA256, key })
    hmac.update({ input: text, inputEncoding: encode.Encoding.UTF_8 })
    return hmac.digest({ outputEncoding: encode.Encoding.HEX }).toLowerCase()
  }

  const post = (notice) => {
    const body = JSON.stringify(notice)
    const timestamp = String(Math.floor(Date.now() / 1000))
    const nonce = random.generateUUID()
    const answer = https.post({
      url: parameter('url'),
      body,
      headers: {
        'Content-Type': 'application/json',
        'X-Orderstream-Timestamp': timestamp,
        'X-Orderstream-Nonce': nonce,
        'X-Orderstream-Signature': sign(timestamp + '.' + nonce + '.' + body)
      }
    })
    if (answer.code !== 200) log.error({ title: 'Orderstream refused a notice: ' + answer.code, details: answer.body })
  }

  /** Whatever happens here, the save stands: polls find what a notice did not tell. */
  const afterSubmit = (context) => {
    try {
      if (ours()) return
      const record = context.type === context.UserEventType.DELETE ? context.oldRecord : context.newRecord
      for (const notice of noticesOf(record, ACTS[context.type] || 'edit')) post(notice)
    } catch (e) {
      log.error({ title: 'Orderstream was not told', details: e })
    }
  }

  return { afterSubmit }
})
