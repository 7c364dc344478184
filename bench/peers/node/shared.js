// shared.js - what publisher and consumer of the Node peers share.
"use strict";

const fs = require("fs");
const amqp = require("amqplib");

exports.columns = ["id", "event_type", "username", "user_email", "user_type",
	"organization_name", "plan_name", "received_at"];

exports.connect = () => amqp.connect({
	hostname: process.env.BENCH_AMQP_HOST,
	port: Number(process.env.BENCH_AMQP_PORT),
	vhost: process.env.BENCH_AMQP_VHOST,
	username: process.env.BENCH_AMQP_USER,
	password: fs.readFileSync(process.env.BENCH_AMQP_PASSWORD_FILE,
		"utf8").trim(),
	heartbeat: 0,
	frameMax: 131072,
}, { noDelay: true });

// PGPASSFILE has one line, for the database of the run.
exports.password = () => fs.readFileSync(process.env.PGPASSFILE, "utf8")
	.trim().split(":").pop();
