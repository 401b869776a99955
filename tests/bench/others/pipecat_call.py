"""Pipecat between Twilio's Media Streams and a Realtime model, put together as its guides do it.

    python pipecat_call.py PORT MODEL_PORT

Chosen in its favour: no voice detection here (the model's own ends the turns), no metrics, no
observers, no watch for silent calls, no turn tracking, no messages for its client library, no log,
uvicorn on uvloop with the cheaper of its WebSocket protocols and without compression. The rates
are those of its Twilio guide, 8 kHz in the pipeline; its service for the Realtime API speaks 24 kHz
PCM only, so it resamples once each way. All calls are in one process, where its makers run one
process a call.
"""

import sys

import uvicorn
from fastapi import FastAPI, WebSocket
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    SessionProperties,
    TurnDetection,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.workers.runner import WorkerRunner

PORT, MODEL = int(sys.argv[1]), f"ws://127.0.0.1:{sys.argv[2]}/v1/realtime"
RATE = 8_000

app = FastAPI()


@app.websocket("/twilio/media")
async def call(websocket: WebSocket) -> None:
    """One call, from its first message to its last."""
    await websocket.accept()
    _, told = await parse_telephony_websocket(websocket)
    wire = TwilioFrameSerializer(
        stream_sid=told["stream_id"],
        call_sid=told["call_id"],
        params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
    )
    transport = FastAPIWebsocketTransport(
        websocket=websocket,
        params=FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, add_wav_header=False, serializer=wire
        ),
    )
    hearing = AudioConfiguration(input=AudioInput(turn_detection=TurnDetection()))
    model = OpenAIRealtimeLLMService(
        api_key="bench",
        base_url=MODEL,
        settings=OpenAIRealtimeLLMService.Settings(
            system_instruction="Be brief.",
            session_properties=SessionProperties(audio=hearing),
        ),
    )
    user, assistant = LLMContextAggregatorPair(
        LLMContext([]),
        # Without it each call loads a model for the ends of turns, which its service then replaces.
        user_params=LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies()),
        realtime_service_mode=True,
    )
    worker = PipelineWorker(
        Pipeline([transport.input(), user, model, transport.output(), assistant]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        idle_timeout_secs=None,
        enable_turn_tracking=False,
        enable_rtvi=False,
    )

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(transport: object, client: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=PORT,
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="error",
    )
