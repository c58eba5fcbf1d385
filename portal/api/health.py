"""Is the process alive, and can it serve? For load balancers; they say nothing about patients."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from portal.jobs.health import liveness, queue_figures, readiness


def healthz(request: HttpRequest) -> JsonResponse:
    """200 while this process answers."""
    return JsonResponse(liveness())


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database, channel layer, storage and a live worker answer; else 503 and which one does not."""
    report = readiness()
    return JsonResponse(report, status=200 if report["ready"] else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """The queue in Prometheus' text format; counts only, nothing about patients."""
    lines = [f"lungtrend_{name} {value:.15g}" for name, value in queue_figures().items()]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")
