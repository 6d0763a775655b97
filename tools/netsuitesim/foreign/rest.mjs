// Drives the double with netsuite-rest, a client of token-based authentication.
import assert from 'node:assert/strict';
import NetsuiteRest from 'netsuite-rest';

const { SIM_URL, ACCOUNT, CONSUMER_KEY, CONSUMER_SECRET, TOKEN_ID, TOKEN_SECRET } = process.env;
const keys = { consumer_key: CONSUMER_KEY, consumer_secret_key: CONSUMER_SECRET, token: TOKEN_ID, token_secret: TOKEN_SECRET, base_url: SIM_URL };
const client = new NetsuiteRest({ ...keys, realm: ACCOUNT });
const heads = { 'Content-Type': 'application/json' };
const send = (method, path, body) => client.request({ method, path, body: JSON.stringify(body), heads });

const checks = {
  async 'a query with parameters in its address'() {
    const { data } = await send('POST', 'query/v1/suiteql?limit=2&offset=2', { q: 'SELECT symbol FROM currency ORDER BY id' });
    assert.deepEqual(data.items.map((r) => r.symbol), ['JPY', 'EUR']);
  },
  async 'a record is made, filtered by q, changed and deleted'() {
    const made = await send('POST', 'record/v1/customer', { isPerson: true, firstName: 'Ada', lastName: 'O’Neil', subsidiary: { id: '1' }, externalId: 'r-1' });
    assert.equal(made.statusCode, 204);
    assert.equal(made.data, null);
    const list = await client.request({ path: `record/v1/customer?q=${encodeURIComponent('externalId IS "r-1"')}` });
    assert.equal(list.data.count, 1);
    const changed = await send('PATCH', 'record/v1/customer/eid:r-1', { phone: '1' });
    assert.equal(changed.statusCode, 204);
    assert.equal((await client.request({ path: 'record/v1/customer/eid:r-1' })).data.phone, '1');
    assert.equal((await client.request({ path: 'record/v1/customer/eid:r-1', method: 'DELETE' })).statusCode, 204);
  },
  async 'wrong keys are an invalid login'() {
    const stranger = new NetsuiteRest({ ...keys, token_secret: 'other', realm: ACCOUNT });
    await assert.rejects(stranger.request({ path: 'record/v1/currency/1' }), (e) => e.response.statusCode === 401);
    const hyphen = new NetsuiteRest({ ...keys, realm: ACCOUNT.toLowerCase().replace('_', '-') });
    await assert.rejects(hyphen.request({ path: 'record/v1/currency/1' }), (e) => e.response.statusCode === 401);
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(`ok: ${name}`);
}
