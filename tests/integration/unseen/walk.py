"""Walks the consoles as a person does, by the click lists in their docstrings.

Each walk makes a backup with that password or none, or restores the archive where there is one.
"""

import seam
import servlet
import spring
import struts
import tapestry
import wicket
from clicking import Browser

LOGIN = "CipherMail Email Encryption Gateway login"


def walk_tapestry(browser: Browser, console: tapestry.Console, password: str, archive: bytes | None) -> None:
    browser.go(console.url)
    browser.read(LOGIN)
    browser.fill("Username", console.user, beside="Login")
    browser.fill("Password", console.password, beside="Login")
    browser.press("Login")
    browser.read("default password")
    browser.follow("Admin")
    browser.follow("Backup")
    if archive is None:
        browser.fill("Password", password, beside="Backup")
        browser.press("Backup")
        return
    browser.attach("Backup file", "mine.tar.gz", archive)
    browser.fill("Password", password, beside="Restore")
    browser.page().field("checkbox", "Overwrite all local settings").on = True
    browser.press("Restore")
    browser.read("The backup has been restored")


def walk_spring(browser: Browser, console: spring.Console, password: str, archive: bytes | None) -> None:
    browser.go(console.url)
    browser.read(LOGIN)
    browser.fill("User name", console.user)
    browser.press("Continue")
    browser.fill("Password", console.password)
    browser.press("Sign in")
    browser.read("expires in 5 days")
    browser.follow("Remind me later")
    browser.follow("Backup")
    if archive is None:
        browser.mark("Download to this computer")
        share, own = (each for each in browser.page().controls if each.kind == "password")
        assert share.says("Share password")
        assert own.says("Password")
        own.value = password
        browser.press("Create backup")
        browser.read("The backup is ready")
        browser.follow(next(label for _, label in browser.page().links if label.endswith(".zip")))
        return
    browser.follow("Restore backup")
    browser.attach("Backup file", "mine.zip", archive)
    browser.fill("Password", password)
    browser.press("Upload")
    browser.read("cannot be undone")
    browser.press("Yes, restore")
    browser.read("The restore is completed")


def walk_struts(browser: Browser, console: struts.Console, password: str, archive: bytes | None) -> None:
    browser.go(console.url)
    browser.read(LOGIN)
    browser.fill("User:", console.user)
    browser.fill("Password", console.password)
    browser.press("Log on")
    browser.follow("Admin", "menu", "menu")
    browser.follow("Backup", "menu", "main")
    if archive is None:
        without = browser.page("main").field("checkbox", "Do not backup database")
        assert without.on
        without.on = False
        browser.fill("Password", password, "main", beside="Start backup")
        browser.press("Start backup", "main")
        return
    browser.follow("Restore a backup", "main", "main")
    browser.attach("File:", "mine.backup", archive, "main")
    browser.press("Upload", "main")
    browser.mark("mine.backup", "main")
    browser.fill("Password", password, "main")
    browser.press("Restore", "main")
    browser.read("Are you sure?")
    browser.press("Yes", "main")
    browser.read("The backup was restored")


def walk_seam(browser: Browser, console: seam.Console, password: str, archive: bytes | None) -> None:
    browser.go(console.url)
    browser.read(LOGIN)
    browser.fill("User name", console.user)
    browser.fill("Password", console.password)
    browser.press("Log in")
    browser.press("Admin")
    browser.press("Backup")
    if archive is None:
        browser.choose("Backup location", "Download to this computer")
        assert not ticked(browser)
        browser.fill("Password", password)
        browser.press("Backup now")
        browser.press("download", row=browser.read(r"Backup created: ([^<]+)"))
        return
    browser.attach("File", "mine.tar.gz", archive)
    browser.press("Upload")
    browser.press("restore", row=browser.read(r"Uploaded: ([^<]+)"))
    browser.fill("Password", password)
    browser.mark("Yes")
    browser.press("Restore")
    browser.read("has been restored")


def walk_wicket(browser: Browser, console: wicket.Console, password: str, archive: bytes | None) -> None:
    browser.go(console.url)
    browser.follow("Administration")
    browser.read(LOGIN)
    browser.fill("Username", console.user)
    browser.fill("Password", console.password)
    browser.press("Sign in")
    browser.follow("Admin")
    browser.follow("Backup")
    if archive is None:
        browser.fill("Password", password)
        browser.fill("Repeat password", password)
        browser.choose("Backup location", "Download to this computer")
        assert not ticked(browser)
        browser.press("Create")
        return
    browser.follow("Restore")
    browser.attach("Backup file", "mine.zip", archive)
    browser.fill("Password", password)
    browser.press("Upload")
    browser.read("cannot be undone")
    browser.press("Overwrite and restore")
    browser.read("The backup has been restored. Please log in again.")


def walk_servlet(browser: Browser, console: servlet.Console, password: str, archive: bytes | None) -> None:
    browser.go(console.url)
    browser.read(LOGIN)
    sign_in_to_servlet(browser, console)
    browser.follow("Backup")
    if browser.shows(LOGIN):
        sign_in_to_servlet(browser, console)
        browser.follow("Backup")
    if archive is None:
        assert not ticked(browser, "content")
        browser.fill("Password", password, "content")
        browser.press("Download", "content")
        return
    browser.follow("Restore a backup", "content", "content")
    browser.attach("Backup file", "mine.bak", archive, "content")
    browser.press("Continue", "content")
    if password:
        browser.fill("Password", password, "content")
    browser.press("Restore", "content")
    browser.read("The backup has been restored")


def sign_in_to_servlet(browser: Browser, console: servlet.Console) -> None:
    """In the whole window, or in the frame in which the session has ended."""
    window = next(name for name, page in browser.windows.items() if LOGIN in page.text)
    browser.fill("Username", console.user, window)
    browser.fill("Password", console.password, window)
    browser.press("Log in", window)


def ticked(browser: Browser, window: str = "") -> bool:
    """Whether any box is, such as the one that leaves the database out."""
    return any(each.on for each in browser.page(window).controls if each.kind == "checkbox")
