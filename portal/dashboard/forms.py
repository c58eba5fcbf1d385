"""Forms of the pages."""

from django import forms


class AcquisitionTimeForm(forms.Form):
    """Date and time on the hospital's clock."""

    acquired_at = forms.DateTimeField(
        label="Acquired at", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    )
