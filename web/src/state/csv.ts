// Comma-separated values (RFC 4180). A spreadsheet runs a cell that begins with "=", "+", "-", "@", a tab or a line end
// as a formula. Such a text gets an apostrophe in front, by the rule of src/table/csv_cell.h. Numbers get none.
import type { ColumnInfo } from '../api';
import { numberAt, textAt, type Column } from './columns';

const runs = /^'*[=+\-@\t\r\n]/;
const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A spreadsheet begins a new cell at each tab and line end of pasted text, so the text behind them is guarded too. */
const guarded = (text: string): string => (runs.test(text) && !isNumber.test(text) ? `'${text}` : text).replace(/[\t\r\n]+(?=[=+\-@])/g, "$&'");
const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const textCell = (text: string): string => quoted(guarded(text));

/** Returns the text of a cell, in which numbers have all their digits and marks are words. */
function cell(column: Column, row: number): string {
  const { type, name } = column.info;
  if (type === 'text' || type === 'code') return textCell(textAt(column, row));
  const value = numberAt(column, row);
  if (Number.isNaN(value)) return '';
  if (name === 'flag') return value > 0 ? 'picked' : value < 0 ? 'rejected' : '';
  // The shortest text that gives the same float32 when it is read again. The value itself is a float64 with more
  // digits.
  if (type === 'f32') {
    for (let digits = 6; digits <= 9; digits++) if (Math.fround(+value.toPrecision(digits)) === value) return String(+value.toPrecision(digits));
  }
  return String(value);
}

export function csv(columns: readonly Column[], rows: Uint32Array, titleOf: (info: ColumnInfo) => string): string {
  const lines = [columns.map((column) => textCell(titleOf(column.info))).join(',')];
  for (const row of rows) lines.push(columns.map((column) => cell(column, row)).join(','));
  return `${lines.join('\r\n')}\r\n`;
}
