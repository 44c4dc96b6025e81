"""Every address of the interface: what it takes, what it answers, who does it."""

from __future__ import annotations

from genrewise.web import classifications, events, openapi, reports, samples, service
from genrewise.web.route import FORM, JSON, Answer, Parameter, Route
from genrewise.web.routes_labelling import LABELLING
from genrewise.web.routes_library import LIBRARY
from genrewise.web.shapes import array, ref

__all__ = ["BASE", "ROUTES"]

#: Where version 1 begins.
BASE = "/api/v1"

_ID = Parameter("id", "Number of a classification.", {"type": "string", "minLength": 1})
_FILE = Parameter("file", "File name of a sample.", {"type": "string", "minLength": 1})
_NAME = Parameter("name", "Name of a model or a run.", {"type": "string", "minLength": 1})
_PROTOCOL = Parameter("protocol", "honest, published, …", {"type": "string", "minLength": 1})
_EVENTS = Answer("Events until it ends.", {"type": "string"}, "text/event-stream")
_NOTHING = Answer("Done.", kind="")

ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/health",
        service.health,
        "Say that the server answers, and how much it has to do.",
        {200: Answer("It answers.", ref("Health"))},
    ),
    Route(
        "GET",
        "/settings",
        service.settings,
        "What a client must know: limits, and what is switched on.",
        {200: Answer("The settings.", ref("Settings"))},
    ),
    Route(
        "GET",
        "/openapi.json",
        openapi.show,
        "This description.",
        {200: Answer("OpenAPI 3.1.", ref("OpenApi"))},
    ),
    Route(
        "GET",
        "/models",
        service.models,
        "List the models.",
        {200: Answer("All models.", array(ref("Model")))},
        group="models",
    ),
    Route(
        "GET",
        "/models/{name}",
        service.model,
        "A model with its card and, where one is at hand, its report.",
        {200: Answer("The model.", ref("ModelDetail"))},
        (404,),
        (_NAME,),
        group="models",
    ),
    Route(
        "GET",
        "/reports",
        reports.show_all,
        "List the reports of runs that this server shows.",
        {200: Answer("A row a run.", array(ref("ReportRow")))},
        group="models",
    ),
    Route(
        "GET",
        "/reports/{name}/{protocol}",
        reports.show,
        "The report of a run.",
        {200: Answer("The report.", ref("Report"))},
        (404,),
        (_NAME, _PROTOCOL),
        group="models",
    ),
    Route(
        "GET",
        "/samples",
        samples.show_all,
        "List the pieces of music that come along.",
        {200: Answer("All pieces.", array(ref("Sample")))},
        group="samples",
    ),
    Route(
        "GET",
        "/samples/{file}",
        samples.audio,
        "Listen to a piece.",
        {
            200: Answer("The piece.", {"type": "string", "format": "binary"}, "audio/ogg"),
            206: Answer("A part of it.", {"type": "string", "format": "binary"}, "audio/ogg"),
            304: Answer("It has not changed.", kind=""),
        },
        (404, 416),
        (_FILE,),
        group="samples",
    ),
    Route(
        "POST",
        "/classifications",
        classifications.create,
        "Give a file, or name a sample or an address; the genre comes later.",
        {202: Answer("It waits for its turn.", ref("Classification"))},
        (400, 404, 411, 413, 415, 422, 503, 507),
        bodies={FORM: ref("Upload"), JSON: ref("Named")},
        group="classifications",
    ),
    Route(
        "POST",
        "/batches",
        classifications.create_batch,
        "Give several files, all or none.",
        {202: Answer("They wait for their turn.", ref("Batch"))},
        (400, 411, 413, 415, 422, 503, 507),
        bodies={FORM: ref("Uploads")},
        group="classifications",
    ),
    Route(
        "GET",
        "/classifications/{id}",
        classifications.show,
        "Where a classification stands, or its answer.",
        {200: Answer("As it is now.", ref("Classification"))},
        (404,),
        (_ID,),
        group="classifications",
    ),
    Route(
        "DELETE",
        "/classifications/{id}",
        classifications.drop,
        "Cancel a classification, or forget its answer.",
        {204: _NOTHING},
        (404,),
        (_ID,),
        group="classifications",
    ),
    Route(
        "GET",
        "/classifications/{id}/events",
        events.follow,
        "Follow a classification: an event `status` with each change.",
        {200: _EVENTS},
        (404, 503),
        (_ID,),
        group="classifications",
    ),
    Route(
        "GET",
        "/classifications/{id}/picture",
        classifications.picture,
        "Outline and spectrogram, where `picture` was asked for.",
        {200: Answer("What a page draws.", ref("Picture"))},
        (404,),
        (_ID,),
        group="classifications",
    ),
    *LIBRARY,
    *LABELLING,
)
