// consume.js - a queue's events into PostgreSQL.
//
// usage: consume.js insert|copy QUEUE BATCH_ROWS LOAD_ID LOAD_STEP
//
// insert: one event a message; an upsert that commits and an ack for each.
// copy: rows gather up to BATCH_ROWS; a batch goes into the delta by COPY, from
// there into the master, commit, then one ack. Messages are parsed while the
// database works. LOAD_ID numbers the first batch, LOAD_STEP lies between two.
"use strict";

const { Client } = require("pg");
const { from: copyFrom } = require("pg-copy-streams");
const { columns, connect, password } = require("./shared");

const IDLE_MS = 50;
const PREFETCH = 500; // messages: some batches, whatever their size
const PIECE = 1 << 18;
const INSERT = {
	name: "insert",
	text: `insert into raw.events as t
		values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, 1)
		on conflict (id, event_type, received_at) do update set
		username = excluded.username, user_email = excluded.user_email,
		user_type = excluded.user_type,
		organization_name = excluded.organization_name,
		plan_name = excluded.plan_name, _source = excluded._source,
		_offset = excluded._offset, _load = excluded._load
		where excluded._offset > t._offset`,
};

function die(error) {
	console.error(error);
	process.exit(1);
}

// Every event for itself, in its turn.
async function consumeSingle(channel, queue, database) {
	let rows = 0, last = Promise.resolve();

	function report(least) {
		if (rows >= least)
			console.log(`rows ${rows}`);
		rows = rows >= least ? 0 : rows;
	}
	async function handle(message) {
		const event = JSON.parse(message.content);
		const values = columns.map(name => event[name]);

		values.push(message.properties.messageId);
		await database.query({ ...INSERT, values });
		channel.ack(message);
		rows++;
		report(1000);
	}
	await channel.prefetch(PREFETCH);
	setInterval(report, IDLE_MS, 1);
	await channel.consume(queue, message => {
		last = last.then(() => handle(message)).catch(die);
	});
}

const escapes = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

function cell(value) {
	return value === null || value === undefined ? "" :
		value.replace(/[\\\t\n\r]/g, found => escapes[found]);
}

// A message's rows as COPY's text; nothing needs escaping where the JSON has
// neither a backslash nor a null.
function copyText(text, first, load) {
	const lines = text.split("\n");
	const plain = !text.includes("\\") && !text.includes("null");
	let out = "", number = first;

	for (const line of lines) {
		if (line === "")
			continue;
		const e = JSON.parse(line);
		const row = plain ?
			`${e.id}\t${e.event_type}\t${e.username}\t${e.user_email}\t${e.user_type}\t${e.organization_name}\t${e.plan_name}\t${e.received_at}` :
			columns.map(name => cell(e[name])).join("\t");
		out += `${row}\t1\t${number++}\t${load}\n`;
	}
	return [out, number - first];
}

function putCopy(database, parts) {
	return new Promise((resolve, reject) => {
		const stream = database.query(copyFrom(
			"copy raw.events_delta from stdin (null '')",
			{ highWaterMark: PIECE }));

		stream.on("error", reject).on("finish", resolve);
		for (const part of parts)
			stream.write(part);
		stream.end();
	});
}

async function consumeBatches(channel, queue, database, batchRows, load, step) {
	const ready = [];
	let parts = [], rows = 0, message = null, idle = null, busy = false;

	async function drain() {
		busy = true;
		for (let batch; (batch = ready.shift()) !== undefined;) {
			await database.query("begin");
			await putCopy(database, batch.parts);
			await database.query("select raw.upsert($1)", [batch.load]);
			await database.query("commit");
			channel.ack(batch.message, true);
			console.log(`rows ${batch.rows}`);
		}
		busy = false;
	}
	function close() {
		clearTimeout(idle);
		if (rows === 0)
			return;
		ready.push({ parts, rows, load, message });
		parts = [];
		rows = 0;
		load += step;
		if (!busy)
			drain().catch(die);
	}
	await channel.prefetch(PREFETCH);
	await channel.consume(queue, got => {
		const [text, count] = copyText(got.content.toString(),
			Number(got.properties.messageId), load);

		parts.push(text);
		rows += count;
		message = got;
		clearTimeout(idle);
		if (rows >= batchRows)
			close();
		else
			idle = setTimeout(close, IDLE_MS);
	});
}

async function main() {
	const [form, queue, batchRows, load, step] = process.argv.slice(2);
	const database = new Client({ password });
	const connection = await connect();
	const channel = await connection.createChannel();

	await database.connect();
	if (form === "insert")
		await consumeSingle(channel, queue, database);
	else
		await consumeBatches(channel, queue, database, Number(batchRows),
			Number(load), Number(step));
	console.log("ready");
}

main().catch(die);
