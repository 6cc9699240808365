import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columns } from '../../../lib/columns.ts';

test('columns are as wide as what is in them, and lines end with their last word', () => {
  const rows = [
    ['TOOL', 'VALUE', 'FIX'],
    ['a-long-name', '', 'see there'],
    ['b', '12', ''],
  ];
  assert.deepEqual(columns(rows), [
    'TOOL         VALUE  FIX',
    'a-long-name         see there',
    'b            12',
  ]);
  assert.deepEqual(columns([]), []);
});
