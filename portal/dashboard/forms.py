"""Forms of the pages."""

from django import forms


class AcquisitionTimeForm(forms.Form):
    """Date and time on the hospital's clock."""

    acquired_at = forms.DateTimeField(
        label="Acquired at", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )


class EventForm(forms.Form):
    """Something that happened, and when, on the hospital's clock."""

    at = forms.DateTimeField(
        label="When", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
    text = forms.CharField(
        label="What happened", max_length=200, widget=forms.TextInput(attrs={"placeholder": "Dexamethasone begun"})
    )
