"""The ASGI application: pages and API, WebSockets, and the doorbell of workers."""

import gc
import os
import warnings

from channels.auth import AuthMiddlewareStack
from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.embedded")
django_application = get_asgi_application()

# These need the applications that the line above has loaded.
from portal.api.bodies import sorry_without_room  # noqa: E402
from portal.api.routing import websocket_urlpatterns  # noqa: E402
from portal.jobs.consumers import InferenceConsumer  # noqa: E402
from portal.jobs.doorbell import INFERENCE_CHANNEL  # noqa: E402

# Static files and masks are small and quickest in one piece; what is large streams (portal/dicom/web/multipart.py).
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

# What is loaded by now stays for ever. Looked through at every collection, it would cost requests half a second.
gc.freeze()

application = ProtocolTypeRouter(
    {
        "http": sorry_without_room(django_application),
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns))),
        "channel": ChannelNameRouter({INFERENCE_CHANNEL: InferenceConsumer.as_asgi()}),
    }
)
