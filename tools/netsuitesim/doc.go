// Package netsuitesim is a double of NetSuite's SuiteTalk REST services.
//
// It verifies what a client sends (tokens, property names and values,
// references, lengths), keeps records in memory and in a SQLite file, computes
// the money of a sales order by itself, answers SuiteQL from a SQL engine and
// fails on command. It is written from Oracle's documentation and shares no
// code with any client, so that it can find a client's mistakes.
//
// # Services
//
// Everything below /services/rest behaves like SuiteTalk:
//
//	POST   auth/oauth2/v1/token                     client credentials (JWT assertion)
//	POST   record/v1/{type}                         create
//	GET    record/v1/{type}/{id|eid:x}              read (expandSubResources, fields, simpleEnumFormat)
//	GET    record/v1/{type}/{id|eid:x}/{sub}[/{n}]  sublist, line, sub-record
//	PATCH  record/v1/{type}/{id|eid:x}              update (replace, replaceSelectedFields)
//	PUT    record/v1/{type}/eid:x                   upsert (replace, replaceSelectedFields)
//	DELETE record/v1/{type}/{id|eid:x}
//	GET    record/v1/{type}?q=&limit=&offset=       list of ids
//	POST   record/v1/{type}/{id}/!transform/{type}  Oracle's transform table, see README.md
//	…      record/v1/{type}                         batch POST, PATCH, PUT, DELETE ?ids=, GET ?ids=
//	GET    async/v1/job/{j}[/task[/{t}[/result]]]   jobs of requests with Prefer: respond-async
//	GET    record/v1/metadata-catalog
//	POST   query/v1/suiteql                         header Prefer: transient
//	GET    system/v1/serverTime, system/v1/governanceLimits
//
// # Controls
//
// Controls lie below /sim, need no authorization, take no slot of the
// concurrency limit and are neither logged nor counted:
//
//	GET  /sim/state?type=salesOrder  array of the records of a type, sublists expanded;
//	                                 without type an object of all types
//	POST /sim/reset                  back to the seed; faults, log and counts are cleared
//	GET  /sim/faults                 the fault plan with the counts that are left
//	POST /sim/faults                 replaces the fault plan (see [Faults] for the shape)
//	PATCH /sim/faults                changes the named parts of it: {"concurrencyLimit":3}
//	GET  /sim/log?pathContains=&limit=   array of requests, oldest first: {"time","method","path",
//	                                 "status","inFlight","milliseconds"}, of SuiteQL its "tables" too; the
//	                                 newest 20,000 are kept
//	GET  /sim/stats                  see [Stats]
//	POST /sim/stats/reset            starts the counts of slots anew
//	GET  /sim/items[?sku=X]          items as REST shows them
//	POST /sim/items                  {"sku","type","basePrice","name","inactive"} makes an item or
//	                                 changes the one with that SKU; type is a record type such as
//	                                 inventoryItem (the default)
//	POST /sim/stock                  {"sku","location","onHand","available"} counts an item at a
//	                                 location; what orders have committed of it is not available
//	POST /sim/price                  {"sku","level","currency","quantity","price"} changes a price of an
//	                                 item; without price it is taken away
//	POST /sim/warehouse              {"seed":7,"everyMilliseconds":500,"partial":0.5,"returns":0.1,"restock":300} how the
//	                                 people of the account work; 0 ms: on command
//	POST /sim/warehouse/step         {"steps":10} picks, packs, ships, bills, takes back
//	POST /sim/push                   {"url","secret"} deploys the user event that posts a signed notice of
//	                                 every save by a person; an empty url takes it away
//	POST /sim/tokens/revoke          every access token issued so far becomes invalid
//	GET  /sim/certificates           the certificates of the integration: [{"id","from","until","revoked"}]
//	POST /sim/certificates           {"publicKey":"-----BEGIN CERTIFICATE-----…","id","from","until"} maps a
//	                                 further one, as OAuth 2.0 Client Credentials (M2M) Setup does; five are
//	                                 active at a time at most
//	POST /sim/certificates/revoke    {"id"} revokes one; its tokens end, unless the switch
//	                                 TokensOutliveCertificates is on
//	POST /sim/certificates/expire    {"id"} ends its validity now, likewise
//	GET  /sim/tba/tokens             the tokens of token-based authentication: [{"id","revoked"}]
//	POST /sim/tba/tokens             {"id","secret"} adds one, as the page Access Tokens does
//	POST /sim/tba/tokens/revoke      {"id"} revokes one
//	POST /sim/fulfil                 {"order":"1234 or external id","lines":[{"line":1,"quantity":"1"}],
//	                                 "tracking":["1Z…"],"status":"C"} ships as a person in the UI
//	                                 would; without lines all that is open
//	POST /sim/bill                   {"order":"…"} invoices what is fulfilled
//	POST /sim/cancel                 {"order":"…"} cancels an order that is pending approval
//	POST /sim/record                 {"method":"PATCH","path":"salesOrder/1234","body":{…}} any call of
//	                                 the record service as a person in the UI
//	GET  /sim/periods                {"closedThrough":"2026-06-30"}
//	POST /sim/periods                closes the accounting periods up to that day; "" opens all
//
// # Money
//
// All amounts are decimals, from the digits of the request to the digits of the
// answer. subtotal, total, taxTotal and discountTotal of a body are ignored. A
// sales order shows positive amounts in SuiteQL too, unless the switch
// LedgerSigns is on.
//
// # Where Oracle is silent
//
// A reference whose target the catalog leaves open (customForm, leadSource …)
// is accepted with any id. Access tokens are opaque text, not readable JWTs,
// and do not outlive the process, nor does what is done to certificates and
// tokens while it runs; jobs do. The texts for unknown property names, wrong
// value types, closed periods, committed lines and amounts applied beyond what
// is open are this package's own; their codes are documented ones. A header
// discount does not change the tax of lines; it does lower the base of the one
// header rate in the mode legacyHeader.
package netsuitesim
