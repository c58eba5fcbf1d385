"""Forms of the pages."""

from django import forms
from django.utils.translation import gettext_lazy


class AcquisitionTimeForm(forms.Form):
    """Date and time on the hospital's clock."""

    acquired_at = forms.DateTimeField(
        label=gettext_lazy("Acquired at"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class EventForm(forms.Form):
    """Something that happened, and when, on the hospital's clock."""

    at = forms.DateTimeField(
        label=gettext_lazy("When"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    text = forms.CharField(
        label=gettext_lazy("What happened"),
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("Dexamethasone begun")}),
    )
