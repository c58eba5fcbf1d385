"""A passkey is added and opens the portal, by a virtual authenticator of the browser; the strict policy holds."""

from playwright.sync_api import Browser, expect

from tests.e2e.conftest import Site


def test_a_passkey_is_added_and_logs_in(browsers: dict[str, Browser], site: Site) -> None:
    # Passkeys belong to names, not to addresses.
    address = site.address.replace("127.0.0.1", "localhost")
    context = browsers["webgl"].new_context()
    page = context.new_page()
    violations: list[str] = []
    page.on("console", lambda message: violations.append(message.text) if "Security Policy" in message.text else None)
    authenticator = context.new_cdp_session(page)
    authenticator.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
    }
    authenticator.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(f"{address}/accounts/login/")
    # Of the demo's people, the one whom no other browser test logs in.
    page.fill("#id_login", "administrator")
    page.fill("#id_password", site.password)
    page.press("#id_password", "Enter")
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    page.goto(f"{address}/accounts/2fa/webauthn/add/")
    page.fill("input[name=password]", site.password)
    page.get_by_role("button", name="Confirm").click()
    page.fill("input[name=name]", "Reading room")
    page.check("input[name=passwordless]")
    page.click("#mfa_webauthn_add")
    page.wait_for_url("**/accounts/2fa/**recovery-codes/**")
    page.goto(f"{address}/")
    page.get_by_role("button", name="Log out").click()
    page.goto(f"{address}/accounts/login/")
    page.click("#passkey_login")
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    assert violations == []
    context.close()
