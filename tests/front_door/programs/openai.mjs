// A conversation with the `openai` package: a function of the client's, an interruption, an end.
// node openai.mjs BASE_URL SPEECH.pcm; prints one JSON object a line of what happens.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const [, , baseURL, file] = process.argv;
const speech = readFileSync(file);
const say = (what) => console.log(JSON.stringify(what));
const client = new OpenAI({ apiKey: "sk-any", baseURL });
const line = new OpenAIRealtimeWS({ model: "gpt-realtime-2.1" }, client);

const speak = () => {
  for (let at = 0; at < speech.length; at += 9600) {
    const audio = speech.subarray(at, at + 9600).toString("base64");
    line.send({ type: "input_audio_buffer.append", audio });
  }
};

line.on("error", (error) => {
  say({ error: String(error) });
  process.exit(1);
});
line.on("session.created", () => {
  const tool = { type: "function", name: "find", description: "Find.", parameters: { type: "object" } };
  line.send({ type: "session.update", session: { type: "realtime", tools: [tool] } });
});
line.on("session.updated", speak);

let interrupted = false;
line.on("response.output_audio.delta", (event) => {
  if (interrupted) return;
  interrupted = true;
  say({ speaking: event.item_id });
  line.once("input_audio_buffer.speech_started", () => {
    line.send({ type: "conversation.item.truncate", item_id: event.item_id, content_index: 0, audio_end_ms: 100 });
    say({ truncated: event.item_id });
  });
  speak();
});
line.on("response.done", ({ response }) => {
  say({ done: response.status, output: response.output.map((item) => item.type) });
  const call = response.output.find((item) => item.type === "function_call");
  if (call) {
    const item = { type: "function_call_output", call_id: call.call_id, output: "Monday" };
    line.send({ type: "conversation.item.create", item });
    line.send({ type: "response.create" });
  } else if (response.status === "completed") {
    say({ said: response.output[0].content[0].transcript });
    line.close();
  }
});
