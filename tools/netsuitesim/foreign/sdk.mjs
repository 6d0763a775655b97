// Drives the double with @brokenrubik/netsuite-sdk. The account comes in the
// environment; each check asserts what the SDK makes of the answers.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { NetSuiteClient, NetSuiteIdempotencyError, NetSuiteNotFoundError, NetSuiteRateLimitError, NetSuiteValidationError } from '@brokenrubik/netsuite-sdk';

const { SIM_URL, ACCOUNT, CLIENT_ID, CERTIFICATE_ID, KEY_FILE, EACH } = process.env;

// The SDK knows only the account's own host; requests for it go to the double.
const own = `https://${ACCOUNT.toLowerCase().replaceAll('_', '-')}.suitetalk.api.netsuite.com`;
const direct = globalThis.fetch;
globalThis.fetch = (url, init) => direct(String(url).replace(own, SIM_URL), init);

const client = new NetSuiteClient({
  accountId: ACCOUNT, clientId: CLIENT_ID, certificateId: CERTIFICATE_ID, privateKey: readFileSync(KEY_FILE, 'utf-8'),
  maxRetries: 0, initialRetryDelay: 1,
});
const wait = { pollInterval: 10, timeout: 20000 };
const order = (externalId, more = {}) => ({
  entity: { id: '21' }, externalId, item: { items: [{ item: { id: '112' }, quantity: 2, rate: 10, price: { id: '-1' } }] }, ...more,
});

const checks = {
  async 'a record is created, read, changed, listed and deleted'() {
    const made = await client.createRecord('customer', { companyName: 'Foreign Ltd', subsidiary: { id: '1' }, email: 'a@foreign.example' });
    assert.ok(made.success && made.id && made.location.endsWith(`/customer/${made.id}`));
    const read = await client.getRecord('customer', made.id, { fields: 'companyName,email' });
    assert.equal(read.companyName, 'Foreign Ltd');
    assert.ok((await client.updateRecord('customer', made.id, { phone: '1' })).success);
    const list = await client.listRecords('customer', { q: 'email IS "a@foreign.example"' });
    assert.deepEqual(list.items.map((i) => i.id), [made.id]);
    assert.ok((await client.deleteRecord('customer', made.id)).success);
    await assert.rejects(client.getRecord('customer', made.id), NetSuiteNotFoundError);
  },
  async 'an upsert is one record'() {
    const first = await client.upsertRecord('salesOrder', 'f-1', order('f-1'), { replace: 'item' });
    const again = await client.upsertRecord('salesOrder', 'eid:f-1', order('f-1', { memo: 'again' }), { replace: 'item' });
    assert.equal(first.id, again.id);
    const read = await client.getRecord('salesOrder', first.id, { expandSubResources: true });
    assert.equal(read.item.items.length, 1);
    assert.equal(read.total, 20);
    assert.equal(read.entity.id, '21');
  },
  async 'a refusal is a validation error with code and path'() {
    await assert.rejects(client.createRecord('salesOrder', { entity: { id: '999999' }, item: { items: [] } }), (e) => {
      assert.ok(e instanceof NetSuiteValidationError);
      assert.equal(e.errorCode, 'INVALID_CONTENT');
      assert.equal(e.errorPath, 'entity');
      return true;
    });
    await assert.rejects(client.getRecord('customer', '21', { fields: 'id', expandSubResources: true }));
  },
  async 'SuiteQL pages'() {
    const page = await client.suiteql('SELECT id, symbol FROM currency ORDER BY id', { limit: 3, offset: 3 });
    assert.deepEqual(page.items.map((r) => r.symbol), ['EUR']);
    assert.equal(page.totalResults, 4);
    assert.equal((await client.suiteqlAll('SELECT id FROM item ORDER BY id')).length > 20, true);
  },
  async 'a batch succeeds and fails item by item'() {
    const job = await client.batchUpsert('salesOrder', [order('f-2'), order('f-3', { entity: { id: '999999' } }), order('f-4')], { parallel: true });
    if (EACH === 'true') {
      const out = await job.wait(wait);
      assert.deepEqual(out.results.map((r) => r.success), [true, false, true]);
      assert.ok(out.results[1].error instanceof NetSuiteValidationError);
      assert.ok(Number(out.results[2].recordId) > 0);
    }
    await finished(job);
    assert.equal((await job.status()).progress, 'succeeded');
    await assert.rejects(job.taskResult('2'), NetSuiteValidationError);
    const [row] = (await client.suiteql("SELECT COUNT(*) AS n FROM transaction WHERE externalid IN ('f-2','f-3','f-4')")).items;
    assert.equal(row.n, '2');
  },
  async 'records are read and deleted in batches'() {
    const read = await client.batchGet('currency', ['1', '3'], { fields: 'id,symbol' });
    await finished(read);
    assert.equal((await read.taskResult('2')).symbol, 'JPY');
    const gone = await client.batchDelete('salesOrder', ['eid:f-2', 'eid:f-4']);
    await finished(gone);
    await assert.rejects(client.getRecord('salesOrder', 'eid:f-2'), NetSuiteNotFoundError);
  },
  async 'a repeated idempotency key leads to the first job'() {
    const idempotencyKey = randomUUID();
    const job = await client.batchCreate('salesOrder', [order('f-5')], { idempotencyKey });
    await finished(job);
    await assert.rejects(client.batchCreate('salesOrder', [order('f-6')], { idempotencyKey }), (e) => {
      assert.ok(e instanceof NetSuiteIdempotencyError);
      assert.equal(e.jobId, job.id);
      assert.equal(client.attachJob(e.jobId).id, job.id);
      return true;
    });
    await assert.rejects(client.getRecord('salesOrder', 'eid:f-6'), NetSuiteNotFoundError);
  },
  async 'a query runs as a job where the account lets it'() {
    if (EACH !== 'true') {
      await assert.rejects(client.suiteqlAsync('SELECT id FROM currency'), NetSuiteValidationError);
      return;
    }
    const job = await client.suiteqlAsync('SELECT id FROM currency ORDER BY id');
    const { results } = await job.wait(wait);
    assert.equal(results[0].result.items.length, 4);
  },
  async 'the catalog is OpenAPI'() {
    const catalog = await client.getMetadata({ select: 'customer', format: 'openapi3' });
    assert.ok(catalog.openapi.startsWith('3.'));
  },
  async 'one slot too few is a rate limit'() {
    const sim = (body) => direct(`${SIM_URL}/sim/faults`, { method: 'PATCH', body: JSON.stringify(body) });
    await sim({ rules: [{ kind: 'status', status: 429, match: { method: 'GET' } }] });
    await assert.rejects(client.getRecord('currency', '1'), NetSuiteRateLimitError);
    await sim({ rules: [] });
  },
};

async function finished(job) {
  const end = Date.now() + 20000;
  while (!(await job.status()).completed) assert.ok(Date.now() < end, `job ${job.id} does not end`);
}

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(`ok: ${name}`);
}
