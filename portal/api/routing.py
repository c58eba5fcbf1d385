"""WebSocket addresses."""

from django.urls import path

from portal.jobs.consumers import JobsConsumer

websocket_urlpatterns = [path("ws/jobs/", JobsConsumer.as_asgi())]
