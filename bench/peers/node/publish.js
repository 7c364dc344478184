// publish.js - a file's events to a queue, durable and confirmed, RECORDS of
// them in a message, as they stand in the file.
//
// usage: publish.js FILE QUEUE RECORDS
"use strict";

const fs = require("fs");
const { connect } = require("./shared");

const WINDOW = 50; // messages that may be under way unconfirmed
const NEWLINE = 10;

// Pieces of a file that end with its RECORDS-th line each.
async function *pieces(file, records) {
	let rest = Buffer.alloc(0), lines = 0, from = 0, looked = 0;

	for await (const chunk of fs.createReadStream(file,
		{ highWaterMark: 1 << 20 })) {
		rest = Buffer.concat([rest, chunk]);
		for (let at; (at = rest.indexOf(NEWLINE, looked)) >= 0;) {
			looked = at + 1;
			if (++lines === records) {
				yield [rest.subarray(from, looked), lines];
				from = looked;
				lines = 0;
			}
		}
		rest = rest.subarray(from);
		from = 0;
		looked = rest.length; // no newline in what was looked at
	}
	if (lines > 0)
		yield [rest, lines];
}

async function publish(file, queue, records) {
	const connection = await connect();
	const channel = await connection.createConfirmChannel();
	let first = 1, open = 0, wake = null, failed = null;

	console.log("ready");
	await new Promise(resolve => process.stdin.once("data", resolve));
	for await (const [body, lines] of pieces(file, records)) {
		channel.publish("", queue, body, { persistent: true,
			mandatory: true, messageId: String(first) }, error => {
			open--;
			failed = failed || error;
			if (wake)
				wake();
		});
		first += lines;
		open++;
		while (open >= WINDOW && !failed)
			await new Promise(resolve => { wake = resolve; });
		if (failed)
			throw failed;
	}
	await channel.waitForConfirms();
	await connection.close();
	process.exit(0);
}

publish(process.argv[2], process.argv[3], Number(process.argv[4])).catch(error => {
	console.error(error);
	process.exit(1);
});
